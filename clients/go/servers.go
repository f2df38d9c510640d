package usher

import (
	"context"
	"crypto/tls"
	"sync"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/req"
	_ "go.nanomsg.org/mangos/v3/transport/ipc"    // ipc://
	_ "go.nanomsg.org/mangos/v3/transport/tcp"    // tcp://
	_ "go.nanomsg.org/mangos/v3/transport/tlstcp" // tls+tcp://
)

const (
	messageBytesMax = 4 << 20
	// REQ's name for a request, which goes before it and its answer, and is counted with them.
	headerBytes = 4
	// A connected server takes a message at once; one that does not may have just been lost.
	sendMax    = 250 * time.Millisecond
	restFirst  = time.Second
	restMax    = 30 * time.Second
	silenceMax = time.Second
	watchEvery = 250 * time.Millisecond
	// The server answers at the deadline itself; its answer may take a moment to arrive.
	graceUsual = 250 * time.Millisecond
)

// exchange is one message to a server and its answer, under way.
type exchange struct {
	context mangos.Context
	sentAt  time.Time // zero: not yet; under the server's lock
}

// server is one server: its socket, and how it has been doing.
type server struct {
	url     string
	socket  mangos.Socket
	changed func()
	grace   time.Duration

	mu         sync.Mutex
	pipes      int
	exchanges  map[*exchange]struct{}
	failures   int
	restsUntil time.Time
	hasLost    bool // a call, with this connection, or since this rest began
	heardAt    time.Time
	isAsked    bool // how it is
	isClosed   bool
}

func newServer(url string, config *tls.Config, changed func()) (*server, error) {
	socket, err := req.NewSocket()
	if err != nil {
		return nil, err
	}
	s := &server{url: url, socket: socket, changed: changed, grace: graceUsual}
	s.exchanges = map[*exchange]struct{}{}
	socket.SetPipeEventHook(s.count)
	// Without this a call is sent again when its connection is lost, and would run twice.
	if err = socket.SetOption(mangos.OptionRetryTime, time.Duration(0)); err == nil {
		err = s.dial(config)
	}
	if err != nil {
		_ = socket.Close()
		return nil, err
	}
	return s, nil
}

func (s *server) dial(config *tls.Config) error {
	options := map[string]interface{}{
		mangos.OptionDialAsynch:       true,
		mangos.OptionReconnectTime:    50 * time.Millisecond,
		mangos.OptionMaxReconnectTime: 2 * time.Second,
		mangos.OptionMaxRecvSize:      messageBytesMax + headerBytes,
	}
	if config != nil {
		options[mangos.OptionTLSConfig] = config
	}
	return s.socket.DialOptions(s.url, options)
}

func (s *server) count(event mangos.PipeEvent, _ mangos.Pipe) {
	s.mu.Lock()
	switch event {
	case mangos.PipeEventAttached:
		s.pipes++
		s.hasLost = false
	case mangos.PipeEventDetached:
		s.pipes--
	}
	s.mu.Unlock()
	s.changed()
}

func (s *server) close() {
	s.mu.Lock()
	s.isClosed = true
	s.mu.Unlock()
	_ = s.socket.Close()
}

// rank orders servers for the next attempt, the best first; false: it is not connected.
func (s *server) rank(tried bool) ([3]int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	load := len(s.exchanges)
	rank := [3]int{0, 0, load}
	// When the rest is over, one call tries.
	if s.failures > 0 && (time.Now().Before(s.restsUntil) || load > 0) {
		rank[0] = 1
	}
	if tried {
		rank[1] = 1
	}
	return rank, s.pipes > 0
}

// rest: it could not do its work, or was not heard of. If it rests already, that is the same trouble.
func (s *server) rest(now time.Time) {
	s.mu.Lock()
	s.beginRest(now)
	s.mu.Unlock()
}

// lose: a call was lost with its connection, which takes many along. True: it is the first, and pays for
// them all. The next connection's are another trouble, while it rests too: or a server that is started
// again and again would cost nothing.
func (s *server) lose(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beginRest(now)
	isFirst := !s.hasLost
	s.hasLost = true
	return isFirst
}

// beginRest is called with the lock held.
func (s *server) beginRest(now time.Time) {
	if s.failures > 0 && now.Before(s.restsUntil) {
		return
	}
	pause := restFirst << s.failures
	if pause > restMax {
		pause = restMax
	} else {
		s.failures++
	}
	s.restsUntil = now.Add(pause)
	s.hasLost = false
}

func (s *server) isWell() {
	s.mu.Lock()
	s.failures = 0
	s.mu.Unlock()
}

func (s *server) open(left time.Duration) (*exchange, error) {
	context, err := s.socket.OpenContext()
	if err != nil {
		return nil, err
	}
	send := left
	if send > sendMax {
		send = sendMax
	}
	if err = context.SetOption(mangos.OptionSendDeadline, send); err == nil {
		err = context.SetOption(mangos.OptionRecvDeadline, left+s.grace)
	}
	if err != nil {
		_ = context.Close()
		return nil, err
	}
	x := &exchange{context: context}
	s.mu.Lock()
	if len(s.exchanges) == 0 {
		s.heardAt = time.Now()
	}
	s.exchanges[x] = struct{}{}
	s.mu.Unlock()
	return x, nil
}

func (s *server) end(x *exchange) {
	s.mu.Lock()
	delete(s.exchanges, x)
	s.mu.Unlock()
	_ = x.context.Close()
}

// said is what became of an exchange.
type said struct {
	answer  []byte
	failure *Error
}

// talk sends a message and waits for the answer, left at most and until ctx ends.
func (s *server) talk(ctx context.Context, message []byte, left time.Duration) ([]byte, *Error) {
	if ctx.Err() != nil {
		return nil, s.endedUnsent(ctx)
	}
	// What is no time at all would be no limit to mangos.
	if left <= 0 {
		return nil, s.notSent()
	}
	x, err := s.open(left)
	if err != nil {
		return nil, refuse(Cancelled, "CLIENT_CLOSED", "the client was closed")
	}
	if ctx.Done() == nil {
		got := s.exchange(x, message)
		return got.answer, got.failure
	}
	over := make(chan said, 1)
	go func() { over <- s.exchange(x, message) }()
	select {
	case got := <-over:
		return got.answer, got.failure
	case <-ctx.Done():
	}
	if !s.isSent(x) {
		// Once it is closed it is not sent any more, and the send tells at once whether it has been.
		_ = x.context.Close()
		<-over
		if !s.isSent(x) {
			return nil, s.endedUnsent(ctx)
		}
	}
	// The caller goes at once. Whether the server is well is seen when the answer comes, a moment
	// after the deadline as it may, or does not.
	if ctx.Err() == context.Canceled {
		_ = x.context.Close()
	}
	return nil, ended(ctx)
}

func (s *server) isSent(x *exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !x.sentAt.IsZero()
}

// endedUnsent says what the end of a context means to a call that was not sent.
func (s *server) endedUnsent(ctx context.Context) *Error {
	if ctx.Err() == context.Canceled {
		return ended(ctx)
	}
	e := s.notSent()
	e.cause = ctx.Err()
	return e
}

func (s *server) exchange(x *exchange, message []byte) said {
	defer s.end(x)
	err := x.context.Send(message)
	if err != nil {
		return said{failure: s.failure(x, err)}
	}
	s.mu.Lock()
	x.sentAt = time.Now()
	s.mu.Unlock()
	answer, err := x.context.Recv()
	if err != nil {
		return said{failure: s.failure(x, err)}
	}
	s.mu.Lock()
	s.heardAt = time.Now()
	s.mu.Unlock()
	return said{answer: answer}
}

func (s *server) notSent() *Error {
	return refuse(DeadlineExceeded, "NOT_SENT", s.url+" did not take the message; nothing was sent")
}

// failure says what a failed send or receive means to the caller.
func (s *server) failure(x *exchange, err error) *Error {
	s.mu.Lock()
	isSent, isClosed := !x.sentAt.IsZero(), s.isClosed
	s.mu.Unlock()
	switch {
	case isClosed:
		return refuse(Cancelled, "CLIENT_CLOSED", "the client was closed")
	case !isSent:
		return s.notSent()
	case err == mangos.ErrRecvTimeout:
		s.rest(time.Now())
		return refuse(DeadlineExceeded, "NO_ANSWER",
			"no answer came in time; the call may have been carried out")
	}
	return refuse(Unavailable, "CONNECTION_LOST",
		"the connection was lost; the call may have been carried out")
}

func (s *server) isSilent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saysNothing()
}

// saysNothing is called with the lock held.
func (s *server) saysNothing() bool {
	return len(s.exchanges) > 0 && time.Since(s.heardAt) > silenceMax
}

// beginAsking: is it silent, and asked by nobody yet? Then the caller asks.
func (s *server) beginAsking() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isAsked || !s.saysNothing() {
		return false
	}
	s.isAsked = true
	return true
}

func (s *server) ask(probe func(*server) bool) {
	// The probe's answer may stand behind large ones: those are answers too.
	if !probe(s) && s.isSilent() {
		s.giveUp()
	}
	s.mu.Lock()
	s.isAsked = false
	s.mu.Unlock()
}

// giveUp: it is dead, though its connection stands. Cuts off whoever waits for it.
func (s *server) giveUp() {
	s.rest(time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.exchanges {
		if !x.sentAt.IsZero() && time.Since(x.sentAt) > silenceMax {
			// Not under our lock: the one that waits takes it.
			go func(x *exchange) { _ = x.context.Close() }(x)
		}
	}
}

// servers are all of them.
type servers struct {
	all   []*server
	done  chan struct{}
	ended sync.Once

	mu     sync.Mutex
	turn   int
	change chan struct{} // closed, and made anew, when a connection comes or goes
}

func newServers(urls []string, config *tls.Config, probe func(*server) bool) (*servers, error) {
	ss := &servers{done: make(chan struct{}), change: make(chan struct{})}
	for _, url := range urls {
		s, err := newServer(url, config, ss.changed)
		if err != nil {
			ss.close()
			return nil, refuse(InvalidArgument, "BAD_URL", url+": "+err.Error())
		}
		ss.all = append(ss.all, s)
	}
	if len(ss.all) == 0 {
		return nil, refuse(InvalidArgument, "BAD_URL", "a client needs the address of a server")
	}
	if len(ss.all) > 1 {
		go ss.watch(probe)
	}
	return ss, nil
}

func (ss *servers) close() {
	ss.ended.Do(func() { close(ss.done) })
	for _, s := range ss.all {
		s.close()
	}
}

func (ss *servers) changed() {
	ss.mu.Lock()
	close(ss.change)
	ss.change = make(chan struct{})
	ss.mu.Unlock()
}

// choose gives the server for the next attempt, or nil and what to wait for.
func (ss *servers) choose(tried map[*server]bool) (*server, <-chan struct{}) {
	ss.mu.Lock()
	ss.turn++
	turn, change := ss.turn, ss.change
	ss.mu.Unlock()
	var found *server
	var best [3]int
	for i := range ss.all {
		s := ss.all[(turn+i)%len(ss.all)]
		rank, isConnected := s.rank(tried[s])
		if isConnected && (found == nil || isLess(rank, best)) {
			found, best = s, rank
		}
	}
	return found, change
}

func isLess(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// take is choose that waits for a connection.
func (ss *servers) take(ctx context.Context, tried map[*server]bool, left time.Duration) (*server, *Error) {
	timer := time.NewTimer(left)
	defer timer.Stop()
	for {
		s, change := ss.choose(tried)
		if s != nil {
			return s, nil
		}
		select {
		case <-change:
		case <-ss.done:
			return nil, refuse(Cancelled, "CLIENT_CLOSED", "the client was closed")
		case <-ctx.Done():
			if ctx.Err() == context.Canceled {
				return nil, ended(ctx)
			}
			e := notConnected()
			e.cause = ctx.Err()
			return nil, e
		case <-timer.C:
			return nil, notConnected()
		}
	}
}

func notConnected() *Error {
	return refuse(Unavailable, "NOT_CONNECTED", "no server can be reached; nothing was sent")
}

// watch: a machine that is stopped or cut off keeps its connections. Ask, and give it up; all that are
// silent at once, so that none waits for another's silence.
func (ss *servers) watch(probe func(*server) bool) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ss.done:
			return
		case <-ticker.C:
		}
		for _, s := range ss.all {
			if s.beginAsking() {
				go s.ask(probe)
			}
		}
	}
}
