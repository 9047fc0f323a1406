package pair

import (
	"fmt"
	"math/rand/v2"
)

const updates = 4

func newWorld(arbiter bool, faults uint8) world {
	w := world{judged: arbiter, cable: true, faults: faults, next: 2}
	both := record{epoch: 2, writer: 0, members: 3}
	for i := range w.servers {
		w.servers[i] = server{up: true, heard: true, disk: data{record: both, serial: 10}}
	}
	w.servers[0].role = 2
	if arbiter {
		w.arbiter = both
	}
	w.clients = [2]client{{number: 0}, {number: 1}}
	return w
}

// steps are all the steps there are, by number.
const (
	poll = iota
	ask
	decide
	transfer
	restartNamed
	restartDaemon
	power
	arbiterCable
	newDisk
	handOver
	promotion
	perServer
)

const stepCount = 2*perServer + 2 + 2*2

// step makes one step; false when it is none now.
func (w *world) step(n int, r *rules) bool {
	switch {
	case n < 2*perServer:
		return w.serverStep(n/perServer, n%perServer, r)
	case n == 2*perServer:
		return w.fault(func() { w.cable = !w.cable })
	case n == 2*perServer+1:
		return w.judged && w.fault(func() { // it is installed anew
			if w.arbiter = (record{}); r.restored {
				w.arbiter = newWorld(true, 0).arbiter
			}
		})
	}
	n -= 2*perServer + 2
	return w.clientStep(&w.clients[n/2], n%2, r)
}

// fault uses up one fault; what ends a fault does too.
func (w *world) fault(do func()) bool {
	if w.faults == 0 {
		return false
	}
	w.faults--
	do()
	return true
}

func (w *world) serverStep(i, n int, r *rules) bool {
	s, peer := &w.servers[i], &w.servers[1-i]
	if !s.up && n != power && n != arbiterCable && n != newDisk {
		return false
	}
	switch n {
	case poll:
		s.poll(peer, w.cable)
	case ask:
		s.known, s.said = w.judged && s.heard, record{}
		if s.known {
			s.said = w.arbiter
		}
	case decide:
		w.act(i, r)
	case transfer:
		return s.transfer(peer, w.cable)
	case restartNamed:
		return w.fault(func() { s.role, s.held = 0, false })
	case restartDaemon:
		return w.fault(s.forget)
	case power:
		return w.fault(func() {
			s.up = !s.up
			s.role = 0
			peer.force = false // who promotes sees to it that the other one stays off meanwhile
			s.forget()
		})
	case arbiterCable:
		return w.judged && w.fault(func() { s.heard = !s.heard })
	case newDisk: // the other one has everything
		whole := peer.disk.record.epoch >= s.disk.record.epoch && peer.disk.record.members&(1<<(1-i)) != 0
		return !s.up && whole && w.fault(func() {
			w.lost |= s.disk.has() &^ peer.disk.has()
			s.disk, s.last = data{}, 0
		})
	case handOver:
		return !s.leave && w.fault(func() { s.leave = true })
	case promotion: // the operator keeps to what is said: the other one is off
		return !s.force && !peer.up && s.sees == Silent && w.fault(func() { w.promote(s, peer) })
	}
	return true
}

func (s *server) forget() {
	s.theirs, s.sees, s.alive, s.known, s.said, s.leave = data{}, Quiet, false, false, record{}, false
	s.held, s.went, s.force = false, false, false
}

// promote is an operator's promotion by force. What it may lose is what the other server has and this one lacks.
func (w *world) promote(s, peer *server) {
	s.force = true
	w.lost |= peer.disk.has() &^ s.disk.has()
	w.void = w.void || w.judged && peer.disk.record.members != 3
}

func (s *server) poll(peer *server, cable bool) {
	switch {
	case cable && peer.up:
		s.theirs, s.sees, s.alive = data{record: peer.disk.record, serial: peer.disk.serial}, Answers, true
		s.held = s.role == 2 && (s.held || s.disk.record == peer.disk.record && s.disk.record.epoch > 0)
		s.force = false // the operator sees that it lives
	case s.sees == Answers:
		s.sees, s.alive = Quiet, false
	default:
		s.sees, s.alive = Silent, false
	}
}

func (s *server) transfer(peer *server, cable bool) bool {
	later := Later(peer.disk.record.out(), s.disk.record.out()) // fetched by order of the watcher, whatever the serial
	if s.role != 0 || !cable || !peer.up || peer.disk.serial <= s.disk.serial && !later {
		return false
	}
	if peer.disk.serial > s.disk.serial && peer.disk.reaches(s.disk.serial) {
		s.disk = s.disk.changes(peer.disk)
	} else {
		s.disk = peer.disk
	}
	return true
}

func (w *world) view(i int) View {
	s := &w.servers[i]
	return View{
		Self: addresses[i], Peer: addresses[1-i], First: i == 0, Role: roles[s.role],
		Mine:   Copy{Record: s.disk.record.out(), Serial: uint32(s.disk.serial)},
		Theirs: Copy{Record: s.theirs.record.out(), Serial: uint32(s.theirs.serial)},
		Sees:   s.sees, Alive: s.alive, Leave: s.leave, Held: s.held, Went: s.went, Had: s.last > 0, Last: record{epoch: s.last}.out(), Promote: map[bool]Promotion{true: Forced}[s.force],
		Arbiter: Arbiter{Used: w.judged, Known: s.known, Record: s.said.out()},
	}
}

func (w *world) act(i int, r *rules) {
	s := &w.servers[i]
	a := r.decide(w.view(i))
	s.last = max(s.last, s.disk.record.epoch)
	s.went = s.went || s.role == 2 && s.disk.record == record{s.disk.record.epoch, uint8(i), 1 << i}
	switch {
	case a.Role != roles[s.role]:
		for n, role := range roles {
			if role == a.Role {
				s.role = uint8(n)
			}
		}
		s.held = false
	case a.Swap != nil:
		if s.heard && (w.arbiter == s.said || r.noCompare) {
			w.arbiter = in(*a.Swap)
		}
	case a.Write != nil && s.role != 0:
		forced := a.Write.Epoch-uint32(s.disk.record.epoch) >= forcedEpochs
		w.void = w.void || forced && w.judged && w.arbiter != in(*a.Write) // the arbiter may let the other one go on
		s.write(in(*a.Write), uint8(i), r)
		s.went = s.went || len(a.Write.Members) == 1
	}
}

func (s *server) write(next record, self uint8, r *rules) {
	over := s.disk.record.writer != next.writer || next.epoch-s.disk.record.epoch >= forcedEpochs
	if s.disk.serial++; over && next.writer == self && !r.sameLineage {
		copy(s.disk.left[1:], s.disk.left[:])
		s.disk.left[0] = [2]uint16{s.disk.serial - 1, s.disk.serial + 1000}
		s.disk.serial += 1000
	}
	s.disk.record = next
}

// clientStep is an update as package update makes it; choice is the server that a client asks first.
func (w *world) clientStep(c *client, choice int, r *rules) bool {
	if c.number == updates || choice == 1 && c.at != 0 {
		return false
	}
	writer := &w.servers[c.sees.writer]
	other := &w.servers[1-c.sees.writer]
	alone := c.sees.members != 3 || r.writerOnly
	again := func(ok bool) {
		if c.at++; !ok {
			c.at = 0
		}
	}
	shows := func(s *server) bool { return s.up && s.disk.record == c.sees }
	switch c.at {
	case 0:
		if s := &w.servers[choice]; s.up {
			c.sees = s.disk.record
			c.at = 1
		}
	case 1:
		again(shows(writer) && (alone || shows(other)))
	case 2:
		if again(writer.up && writer.role == 2); c.at == 3 {
			if writer.disk.serial++; writer.disk.at[c.number] == 0 {
				writer.disk.at[c.number] = writer.disk.serial
			}
		}
	case 3:
		c.serial = writer.disk.serial
		again(writer.up)
	case 4:
		switch {
		case alone || r.epochFirst && shows(other) || !r.epochFirst && other.up && other.disk.serial >= c.serial:
			c.at = 5
		case r.epochFirst || !shows(other):
			c.at = 0
		}
	case 5:
		if r.epochFirst && !alone {
			again(other.up && other.disk.serial >= c.serial)
		} else {
			again(alone || shows(other))
		}
	case 6:
		if again(shows(writer)); c.at == 7 {
			w.acknowledge(c)
		}
	}
	return true
}

func (w *world) acknowledge(c *client) {
	w.acked |= 1 << c.number
	*c = client{number: w.next}
	w.next = min(w.next+1, updates)
}

// wrong says what may never be.
func (w *world) wrong() error {
	a, b := &w.servers[0], &w.servers[1]
	if !w.void && a.up && b.up && a.role == 2 && b.role == 2 && a.disk.record == (record{a.disk.record.epoch, 0, 1}) && b.disk.record == (record{b.disk.record.epoch, 1, 2}) {
		return fmt.Errorf("both servers write alone")
	}
	return nil
}

// healed lets everything be well for long enough, and says what is not as it must be then.
func (w world) healed(r *rules) error {
	w.cable = true
	for i := range w.servers {
		s := &w.servers[i]
		s.heard, s.leave, s.force = true, false, false // whoever wanted to hand over has given up
		if !s.up {
			s.up = true
			s.role = 0
			s.forget()
		}
	}
	for range 40 {
		for i := range w.servers {
			for _, n := range []int{poll, ask, decide, transfer} {
				w.serverStep(i, n, r)
			}
		}
	}
	a, b := w.servers[0].disk, w.servers[1].disk
	switch writer := w.servers[a.record.writer]; {
	case a.record != b.record || a.serial != b.serial || a.at != b.at || a.record.members != 3:
		return fmt.Errorf("afterwards the servers have %+v and %+v", a, b)
	case !w.void && w.acked&^w.lost&^a.has() != 0:
		return fmt.Errorf("of the acknowledged updates %b only %b are left", w.acked, a.has())
	case writer.role != 2 || w.servers[1-a.record.writer].role != 0:
		return fmt.Errorf("afterwards the roles are %s and %s, and the record is %s", roles[w.servers[0].role], roles[w.servers[1].role], a.record.out())
	}
	return nil
}

func rare(n int) bool {
	return n < 2*perServer && n%perServer >= restartNamed || n == 2*perServer || n == 2*perServer+1
}

// schedule makes random steps and returns what went wrong, with the steps that led there.
func schedule(seed uint64, arbiter bool, r *rules) error {
	random := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(arbiter, uint8(2+random.IntN(10)))
	for range 60 + random.IntN(300) {
		n := random.IntN(stepCount)
		if rare(n) && random.IntN(4) > 0 {
			continue // so that faults are not all at the beginning
		}
		if w.step(n, r); w.wrong() != nil {
			return fmt.Errorf("schedule %d: %w", seed, w.wrong())
		}
	}
	if err := w.healed(r); err != nil {
		return fmt.Errorf("schedule %d: %w", seed, err)
	}
	return nil
}
