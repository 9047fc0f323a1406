// Package pair decides who of two name servers writes to a zone, and makes it so: it watches both, promotes and demotes the
// one that it runs on, and tells keepalived whether this one answers. It changes no other records of a zone and writes no
// configuration itself; package named does.
package pair
