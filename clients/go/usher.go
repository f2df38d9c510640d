// Package usher is the client of usher: who is this, what may they do, and what should the model know
// about them.
//
//	client, err := usher.New(usher.Config{
//		Servers:    []string{"tcp://127.0.0.1:7700"},
//		Credential: apiKey,
//	})
//	reply, err := client.Context().Resolve(ctx, &usherv1.ResolveRequest{Message: "Hello"})
//
// The methods are generated from the .proto files, the behaviour is that of docs/protocol.md. A Client
// may be used by any number of goroutines at once.
package usher

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"usher.internal/usher/usherv1"
)

type effect int

const (
	effectRead effect = iota + 1
	effectWrite
	effectRestrict
)

// method is what a client knows about a method.
type method struct {
	name            string
	id              uint32
	deadlineMs      uint32
	bytesMax        int
	effect          effect
	idempotentByKey bool
	writeWith       string // a READ with this field filled is a WRITE
}

// Config says whom to call, and as whom.
type Config struct {
	Servers    []string    // one or several over one database: "tcp://127.0.0.1:7700", "tls+tcp://…", "ipc:///path"
	Credential string      // an access token or an API key
	Attempts   int         // how often a call is sent at most when repeating it is safe; 0: 4; 1: never again
	TLS        *tls.Config // for tls+tcp; nil: trust whom the system trusts
}

// Client calls the servers. Client.With makes another over the same connections.
type Client struct {
	servers  *servers
	budget   *budget
	settings settings
}

type settings struct {
	request  *usherv1.Request // what is the same for every call
	session  *Session
	attempts int
	info     *Info
}

// Option chooses something for one call, or for all calls of a Client that With makes.
type Option func(*settings)

// Credential says who calls: an access token or an API key.
func Credential(text string) Option {
	return func(s *settings) { s.request.Credential = []byte(text) }
}

// OnBehalfOf narrows the credential to the user of this access token.
func OnBehalfOf(token string) Option {
	return func(s *settings) { s.request.OnBehalfOf = []byte(token) }
}

// Via is an intermediary's own key; with the right to, it may assert the client's address.
func Via(key, clientIP string) Option {
	return func(s *settings) {
		s.request.Via = []byte(key)
		s.request.ClientIp = clientIP
	}
}

// Org is the organisation acted in; for operators of the platform alone.
func Org(id string) Option { return func(s *settings) { s.request.Org = id } }

// Trace is a W3C traceparent; it goes to the server's log.
func Trace(parent string) Option { return func(s *settings) { s.request.Trace = []byte(parent) } }

// IdempotencyKey makes a write safe to repeat: see NewIdempotencyKey.
func IdempotencyKey(key []byte) Option {
	return func(s *settings) { s.request.IdempotencyKey = key }
}

// InSession reads what was written in the same session, on any server.
func InSession(session *Session) Option { return func(s *settings) { s.session = session } }

// Attempts is how often a call is sent at most.
func Attempts(most int) Option { return func(s *settings) { s.attempts = most } }

// WithInfo has the call's envelope noted in info.
func WithInfo(info *Info) Option { return func(s *settings) { s.info = info } }

// Info is what came with a reply.
type Info struct {
	Revision []byte // after a write: the state that contains it
	Replayed bool   // the stored answer to an earlier call under the same idempotency key
	Attempts int
}

// NewIdempotencyKey makes a key: give it to a write, and to the write's repeats.
func NewIdempotencyKey() []byte {
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		panic("no random bytes: " + err.Error())
	}
	return key
}

// New makes a client. It connects in the background: a call waits for a connection as long as its
// deadline allows.
func New(config Config) (*Client, error) {
	servers, err := newServers(config.Servers, config.TLS, answers)
	if err != nil {
		return nil, err
	}
	client := &Client{servers: servers, budget: &budget{}}
	client.settings.attempts = config.Attempts
	client.settings.request = &usherv1.Request{}
	Credential(config.Credential)(&client.settings)
	return client, nil
}

// Close ends the connections, and the calls under way with Cancelled.
func (c *Client) Close() { c.servers.close() }

// With makes a client with other options over the same connections; only the first one is closed.
func (c *Client) With(options ...Option) *Client {
	return &Client{servers: c.servers, budget: c.budget, settings: *c.settings.with(options)}
}

func (s *settings) with(options []Option) *settings {
	r := s.request
	made := &settings{session: s.session, attempts: s.attempts, info: s.info}
	made.request = &usherv1.Request{
		Credential: r.Credential, OnBehalfOf: r.OnBehalfOf, Via: r.Via, ClientIp: r.ClientIp,
		Org: r.Org, Trace: r.Trace, IdempotencyKey: r.IdempotencyKey,
	}
	for _, option := range options {
		option(made)
	}
	if made.attempts <= 0 {
		made.attempts = attemptsMax
	}
	return made
}

// answers: does it say anything at all?
func answers(s *server) bool {
	message, err := proto.Marshal(&usherv1.Request{
		MethodId:  opsGetHealth.id,
		TimeoutMs: uint32(silenceMax.Milliseconds()),
	})
	if err != nil {
		return true
	}
	_, failure := s.talk(context.Background(), message, silenceMax)
	return failure == nil
}

// call is every generated method: it sends the request, perhaps again, and fills in the reply.
func (c *Client) call(ctx context.Context, m *method, request, reply proto.Message, options []Option) error {
	s := c.settings.with(options)
	payload, err := proto.Marshal(request)
	if err != nil {
		return refuse(InvalidArgument, "", err.Error())
	}
	if len(payload) > m.bytesMax {
		return refuse(ResourceExhausted, "REQUEST_TOO_LARGE", "the request is larger than the method takes")
	}
	s.request.MethodId = m.id
	s.request.Payload = payload
	tries := &attempts{
		most:         s.attempts,
		isRepeatable: isRepeatable(m, request, len(s.request.IdempotencyKey) > 0),
		budget:       c.budget,
	}
	response, failure := c.run(ctx, m, s, tries)
	if failure != nil {
		return failure
	}
	if s.info != nil {
		*s.info = Info{response.GetRevision(), response.GetReplayed(), tries.made + 1}
	}
	if err := proto.Unmarshal(response.GetPayload(), reply); err != nil {
		return refuse(Internal, "MALFORMED_REPLY", err.Error())
	}
	return nil
}

func (c *Client) run(ctx context.Context, m *method, s *settings, tries *attempts) (*usherv1.Response, *Error) {
	ends, isOurs := ctx.Deadline()
	if !isOurs {
		ends = time.Now().Add(time.Duration(m.deadlineMs) * time.Millisecond)
	}
	tried := map[*server]bool{}
	for {
		response, failure := c.attempt(ctx, s, tried, time.Until(ends))
		if failure == nil {
			c.budget.succeeded()
			return response, nil
		}
		pause, isAgain := tries.pauseAfter(failure, time.Until(ends))
		if !isAgain {
			return nil, tries.outcome(failure)
		}
		if pause == 0 {
			continue // nobody was asked, which is said if the context ends here
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			failure = ended(ctx)
			failure.Attempts = tries.made
			return nil, failure
		}
	}
}

func (c *Client) attempt(
	ctx context.Context, s *settings, tried map[*server]bool, left time.Duration,
) (*usherv1.Response, *Error) {
	began := time.Now()
	chosen, failure := c.servers.take(ctx, tried, left)
	if failure != nil {
		return nil, failure
	}
	left -= time.Since(began)
	message, failure := s.message(left)
	if failure != nil {
		return nil, failure
	}
	tried[chosen] = true
	answer, failure := chosen.talk(ctx, message, left)
	if failure == nil {
		response := &usherv1.Response{}
		if err := proto.Unmarshal(answer, response); err != nil {
			return nil, refuse(Internal, "MALFORMED_REPLY", err.Error())
		}
		if s.session != nil {
			s.session.Saw(response.GetRevision())
		}
		if response.GetCode() == 0 {
			chosen.isWell()
			return response, nil
		}
		failure = fromResponse(response)
	}
	switch {
	case failure.Reason == "CONNECTION_LOST" && !failure.IsAnswer:
		failure.isPaid = !chosen.lose(time.Now())
	case failure.Code == Unavailable && isPassing(failure):
		chosen.rest(time.Now())
	case failure.IsAnswer:
		chosen.isWell()
	}
	return nil, failure
}

// message is the envelope of the next attempt.
func (s *settings) message(left time.Duration) ([]byte, *Error) {
	ms := left.Milliseconds()
	if ms < 1 {
		ms = 1
	} else if ms > math.MaxUint32 {
		ms = math.MaxUint32
	}
	s.request.TimeoutMs = uint32(ms)
	s.request.CallId = binary.LittleEndian.Uint64(NewIdempotencyKey())
	if s.session != nil {
		s.request.AtLeast = s.session.Revision()
	}
	message, err := proto.Marshal(s.request)
	if err != nil {
		return nil, refuse(InvalidArgument, "", err.Error())
	}
	if len(message) > messageBytesMax {
		return nil, refuse(ResourceExhausted, "REQUEST_TOO_LARGE", "the message is larger than 4 MiB")
	}
	return message, nil
}
