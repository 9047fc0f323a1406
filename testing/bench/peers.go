package main

import _ "embed"

// The peers that are written in Python.
var (
	//go:embed peers/blocklist_ipaddress.py
	ipaddressPeer string
	//go:embed peers/python_blocklist.py
	pythonModule string
)
