package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// socket is a netlink socket to netfilter. The kernel does what a message asks for before sending it returns: the answers
// are there then, and no answer is ever waited for.
type socket struct {
	fd      int
	room    int // size of the send buffer; 0: the system's default
	receive []byte
}

const (
	// receiveBuffer has room for the answers to a request for some hundred elements, each a packet of its own.
	receiveBuffer = 8 << 20
	// receiveMost is more than the largest packet that the kernel sends at once.
	receiveMost = 64 << 10
)

func dial() (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, explain("open a netlink socket", err)
	}
	s := &socket{fd: fd, receive: make([]byte, receiveMost)}
	if err := s.configure(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *socket) configure() error {
	if err := unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return explain("bind a netlink socket", err)
	}
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer},
		{unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1},
		{unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1},
	} {
		if err := unix.SetsockoptInt(s.fd, o.level, o.name, o.value); err != nil {
			return explain("configure a netlink socket", err)
		}
	}
	return nil
}

func (s *socket) close() error { return unix.Close(s.fd) }

// send sends all messages at once: a transaction must be in one piece, and the send buffer larger than it.
func (s *socket) send(messages []byte) error {
	const overhead = 4096
	if need := len(messages) + overhead; need > s.room {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, need); err != nil {
			return explain("enlarge a send buffer", err)
		}
		s.room = need
	}
	if _, err := unix.Write(s.fd, messages); err != nil {
		return explain("send to the kernel", err)
	}
	return nil
}

// message is a message from the kernel: the type of nftables and what follows netfilter's header.
type message struct {
	typ  uint16
	body []byte // valid until the next message
}

// outcome is what the kernel said besides its messages.
type outcome struct {
	acknowledged bool  // the message that asked for an answer was done
	done         bool  // a list is complete
	interrupted  bool  // the ruleset changed while it was listed
	overrun      bool  // answers were lost
	refused      error // the first error
}

// answers takes all answers there are. Of errors, doing says which message each is about; nil is for a single request.
func (s *socket) answers(doing []string, each func(message) error) (outcome, error) {
	var o outcome
	for {
		n, err := unix.Read(s.fd, s.receive)
		switch {
		case err == unix.EAGAIN:
			return o, nil
		case err == unix.EINTR:
		case err == unix.ENOBUFS:
			o.overrun = true
		case err != nil:
			return o, explain("receive from the kernel", err)
		default:
			if err := o.take(s.receive[:n], doing, each); err != nil {
				return o, err
			}
		}
	}
}

func (o *outcome) take(packet []byte, doing []string, each func(message) error) error {
	for len(packet) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(packet))
		if size < unix.SizeofNlMsghdr || size > len(packet) {
			return fmt.Errorf("receive from the kernel: a message of %d bytes in a packet of %d", size, len(packet))
		}
		if err := o.one(packet[:size], doing, each); err != nil {
			return err
		}
		packet = packet[min(aligned(size), len(packet)):]
	}
	return nil
}

func (o *outcome) one(m []byte, doing []string, each func(message) error) error {
	typ, flags := binary.NativeEndian.Uint16(m[4:]), binary.NativeEndian.Uint16(m[6:])
	body := m[unix.SizeofNlMsghdr:]
	o.interrupted = o.interrupted || flags&unix.NLM_F_DUMP_INTR != 0
	switch {
	case typ == unix.NLMSG_ERROR:
		o.verdict(body, flags, doing)
	case typ == unix.NLMSG_DONE:
		o.done = true
		if errno := errnoOf(body); errno != 0 {
			o.refuse(explain("list the ruleset", errno))
		}
	case typ>>8 == unix.NFNL_SUBSYS_NFTABLES && len(body) >= 4:
		return each(message{typ & 0xff, body[4:]})
	}
	return nil
}

func (o *outcome) refuse(err error) {
	if o.refused == nil {
		o.refused = err
	}
}

// verdict takes an error or an acknowledgement, which is an error without a number.
func (o *outcome) verdict(body []byte, flags uint16, doing []string) {
	errno := errnoOf(body)
	if errno == 0 {
		o.acknowledged = true
		return
	}
	what := "ask the kernel"
	if len(body) >= 4+unix.SizeofNlMsghdr {
		if n := binary.NativeEndian.Uint32(body[12:]); int(n) < len(doing) {
			what = doing[n]
		}
	}
	r := &refusal{what: what, errno: errno}
	if flags&unix.NLM_F_ACK_TLVS != 0 {
		r.why = reason(body, flags)
	}
	o.refuse(r)
}

// reason is the kernel's own words about an error, which follow the message that it is about.
func reason(body []byte, flags uint16) string {
	start := 4 + unix.SizeofNlMsghdr
	if flags&unix.NLM_F_CAPPED == 0 && len(body) >= start {
		start = 4 + aligned(int(binary.NativeEndian.Uint32(body[4:])))
	}
	if start > len(body) {
		return ""
	}
	return text(attribute(body[start:], unix.NLMSGERR_ATTR_MSG))
}

func errnoOf(body []byte) unix.Errno {
	if len(body) < 4 {
		return 0
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
}
