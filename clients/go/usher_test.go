package usher

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/rep"
	"google.golang.org/protobuf/proto"

	"usher.internal/usher/usherv1"
)

// scripted is a server that says what a test told it to, the last thing again and again; nil is silence.
type scripted struct {
	url    string
	socket mangos.Socket

	mu       sync.Mutex
	answers  []*usherv1.Response
	requests []*usherv1.Request
	held     chan struct{} // nil, or closed when answers may go
	ignores  []*method     // what is never answered
}

func script(t *testing.T, answers ...*usherv1.Response) *scripted {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "tcp://" + free.Addr().String()
	_ = free.Close()
	return scriptAt(t, url, answers...)
}

func scriptAt(t *testing.T, url string, answers ...*usherv1.Response) *scripted {
	t.Helper()
	s := &scripted{url: url, answers: answers}
	var err error
	if s.socket, err = rep.NewSocket(); err != nil {
		t.Fatal(err)
	}
	// An outgoing connection may have the port for a moment.
	await(t, "the port is free", func() bool { return s.socket.Listen(s.url) == nil })
	t.Cleanup(func() { _ = s.socket.Close() })
	go s.serve()
	return s
}

func (s *scripted) serve() {
	for {
		message, err := s.socket.Recv()
		if err != nil {
			return
		}
		request := &usherv1.Request{}
		if proto.Unmarshal(message, request) != nil {
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, request)
		answer := s.answers[0]
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
		held := s.held
		s.mu.Unlock()
		if answer == nil || s.isIgnored(request) {
			continue
		}
		if held != nil {
			<-held
		}
		message, err = proto.Marshal(answer)
		if err != nil || s.socket.Send(message) != nil {
			return
		}
	}
}

func (s *scripted) isIgnored(request *usherv1.Request) bool {
	for _, m := range s.ignores {
		if request.GetMethodId() == m.id {
			return true
		}
	}
	return false
}

func (s *scripted) countOf(m *method) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, request := range s.requests {
		if request.GetMethodId() == m.id {
			count++
		}
	}
	return count
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func refusal(code Code, reason string, retryAfterMs uint32) *usherv1.Response {
	info := &usherv1.ErrorInfo{Reason: reason, Domain: "usher"}
	return &usherv1.Response{
		Code:         uint32(code),
		Message:      "as the test wants it",
		RetryAfterMs: retryAfterMs,
		Details:      []*usherv1.Detail{{Detail: &usherv1.Detail_ErrorInfo{ErrorInfo: info}}},
	}
}

var (
	fine = &usherv1.Response{}
	away = refusal(Unavailable, "DATABASE_AWAY", 0)
)

func clientOf(t *testing.T, servers ...*scripted) *Client {
	t.Helper()
	config := Config{Credential: "key"}
	for _, s := range servers {
		config.Servers = append(config.Servers, s.url)
	}
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (c *Client) awaitAll(t *testing.T) {
	t.Helper()
	ends := time.Now().Add(20 * time.Second)
	for _, s := range c.servers.all {
		for _, isConnected := s.rank(false); !isConnected; _, isConnected = s.rank(false) {
			if time.Now().After(ends) {
				t.Fatal("not all servers were connected to")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func health(c *Client, options ...Option) error {
	_, err := c.Ops().GetHealth(context.Background(), &usherv1.GetHealthRequest{}, options...)
	return err
}

func TestReadsAreRepeatedUntilTheySucceed(t *testing.T) {
	server := script(t, away, away, fine)
	var info Info
	if err := health(clientOf(t, server), WithInfo(&info)); err != nil {
		t.Fatal(err)
	}
	if server.count() != 3 || info.Attempts != 3 {
		t.Fatalf("%d requests, %d attempts", server.count(), info.Attempts)
	}
}

func TestThereIsAnEndToRepeating(t *testing.T) {
	server := script(t, away)
	client := clientOf(t, server)
	err := health(client)
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != Unavailable || failure.Attempts != attemptsMax {
		t.Fatal(err)
	}
	if !errors.Is(err, Unavailable) || errors.Is(err, NotFound) || failure.Reason != "DATABASE_AWAY" {
		t.Fatal(err)
	}
	if err = health(client, Attempts(1)); err == nil || server.count() != attemptsMax+1 {
		t.Fatal(err, server.count())
	}
}

func TestWritesAreRepeatedUnderAKeyOnly(t *testing.T) {
	ctx := context.Background()
	key := IdempotencyKey(NewIdempotencyKey())
	calls := map[string]struct {
		make func(c *Client) error
		sent int
	}{
		"write": {func(c *Client) error {
			_, err := c.Context().PutProfile(ctx, &usherv1.PutProfileRequest{})
			return err
		}, 1},
		"write with key": {func(c *Client) error {
			_, err := c.Context().PutProfile(ctx, &usherv1.PutProfileRequest{}, key)
			return err
		}, 2},
		"restrict with key": {func(c *Client) error {
			_, err := c.Context().RevokeApiKey(ctx, &usherv1.RevokeApiKeyRequest{}, key)
			return err
		}, 2},
		"login takes no key": {func(c *Client) error {
			_, err := c.Auth().Login(ctx, &usherv1.LoginRequest{}, key)
			return err
		}, 1},
		"a read that writes": {func(c *Client) error {
			_, err := c.Context().Resolve(ctx, &usherv1.ResolveRequest{Conversation: "c1"})
			return err
		}, 1},
		"the main job": {func(c *Client) error {
			_, err := c.Context().Resolve(ctx, &usherv1.ResolveRequest{Message: "Hello"})
			return err
		}, 2},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			server := script(t, away, fine)
			err := call.make(clientOf(t, server))
			if server.count() != call.sent || (err == nil) != (call.sent == 2) {
				t.Fatalf("%d requests, %v", server.count(), err)
			}
		})
	}
}

func TestWhatIsRepeatedDependsOnTheAnswer(t *testing.T) {
	for _, row := range []struct {
		answer *usherv1.Response
		sent   int
	}{
		{refusal(ResourceExhausted, "LANE_FULL", 30), 2},
		{refusal(ResourceExhausted, "REQUEST_TOO_LARGE", 0), 1},
		{refusal(ResourceExhausted, "QUOTA_EXCEEDED", 60000), 1},
		{refusal(Aborted, "IDEMPOTENCY_KEY_BUSY", 0), 2},
		{refusal(Aborted, "VERSION_MISMATCH", 0), 1},
		{refusal(Unknown, "COMMIT_UNKNOWN", 0), 2},
		{refusal(Unknown, "NO_MEMORY", 0), 1},
		{refusal(Unavailable, "MAIL_NOT_CONFIGURED", 0), 1},
		{refusal(DeadlineExceeded, "", 0), 1},
		{refusal(Internal, "", 0), 1},
	} {
		server := script(t, row.answer, fine)
		err := health(clientOf(t, server))
		if server.count() != row.sent || (err == nil) != (row.sent == 2) {
			t.Fatalf("%v: %d requests, %v", row.answer, server.count(), err)
		}
	}
}

func TestAnotherServerIsAskedAfterARefusalInPassing(t *testing.T) {
	broken, well := script(t, away), script(t, fine)
	client := clientOf(t, broken, well)
	client.awaitAll(t)
	for i := 0; i < 20; i++ {
		if _, err := client.User().GetMe(context.Background(), &usherv1.GetMeRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	// Not count(): they may have been asked how they are.
	if sent := broken.countOf(&userGetMe); sent > 2 || well.countOf(&userGetMe) != 20 {
		t.Fatalf("%d and %d requests", sent, well.countOf(&userGetMe))
	}
}

func TestAServerWithoutMailIsWell(t *testing.T) {
	client := clientOf(t, script(t, refusal(Unavailable, "MAIL_NOT_CONFIGURED", 0)))
	if err := health(client); !errors.Is(err, Unavailable) {
		t.Fatal(err)
	}
	if s := client.servers.all[0]; s.failures != 0 {
		t.Fatal(s.failures)
	}
}

func TestWhatWasNotSentIsNoAttempt(t *testing.T) {
	tries := &attempts{most: attemptsMax, budget: &budget{}}
	for _, reason := range []string{"NOT_CONNECTED", "NOT_SENT", "REQUEST_TOO_LARGE"} {
		e := refuse(DeadlineExceeded, reason, "")
		if _, isAgain := tries.pauseAfter(e, 0); isAgain || e.Attempts != 0 {
			t.Fatal(reason, e.Attempts)
		}
	}
	e := refuse(Unavailable, "CONNECTION_LOST", "")
	if tries.pauseAfter(e, 0); e.Attempts != 1 {
		t.Fatal(e.Attempts)
	}
}

func TestWhatWasSentOnceDoesNotEndAsUnsent(t *testing.T) {
	server := script(t, refusal(Unavailable, "DATABASE_AWAY", 1500))
	client := clientOf(t, server)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{})
		ended <- err
	}()
	await(t, "it is answered", func() bool {
		_, failures := client.servers.all[0].troubles()
		return failures > 0
	})
	_ = server.socket.Close()
	err := <-ended
	var failure *Error
	if !errors.As(err, &failure) || failure.Reason != "DATABASE_AWAY" || failure.Attempts != 1 {
		t.Fatal(err)
	}
}

func TestClosingTwiceDoesNoHarm(t *testing.T) {
	client := clientOf(t, script(t, fine))
	client.Close()
	client.Close()
	if err := health(client); !errors.Is(err, Cancelled) {
		t.Fatal(err)
	}
}

func batchReply(t *testing.T, items ...*usherv1.Response) *usherv1.Response {
	t.Helper()
	payload, err := proto.Marshal(&usherv1.BatchReply{Items: items})
	if err != nil {
		t.Fatal(err)
	}
	return &usherv1.Response{Payload: payload}
}

func TestEachItemOfABatchHasItsOwnAnswer(t *testing.T) {
	ready, err := proto.Marshal(&usherv1.GetHealthReply{Ready: true})
	if err != nil {
		t.Fatal(err)
	}
	written := make([]byte, revisionBytes)
	written[15] = 7
	server := script(t, away, batchReply(t,
		&usherv1.Response{Payload: ready, Revision: written}, refusal(NotFound, "USER_NOT_FOUND", 0)))
	client := clientOf(t, server)
	var session Session
	health := &usherv1.GetHealthReply{}
	items := []*Item{
		{Method: "usher.v1.OpsService/GetHealth", Request: &usherv1.GetHealthRequest{}, Reply: health},
		{Method: "usher.v1.UserService/GetMe", Request: &usherv1.GetMeRequest{}, Reply: &usherv1.User{},
			Options: []Option{Credential("another")}},
	}
	if err := client.Batch(context.Background(), items, InSession(&session)); err != nil {
		t.Fatal(err)
	}
	var failure *Error
	if items[0].Err != nil || !health.Ready || !errors.As(items[1].Err, &failure) ||
		failure.Reason != "USER_NOT_FOUND" || failure.Attempts != 2 || len(session.Revision()) == 0 {
		t.Fatal(items[0].Err, items[1].Err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	sent := &usherv1.BatchRequest{}
	if err := proto.Unmarshal(server.requests[1].GetPayload(), sent); err != nil {
		t.Fatal(err)
	}
	if server.requests[1].GetMethod() != "usher.v1.Batch" || len(sent.GetItems()) != 2 ||
		len(sent.GetItems()[0].GetCredential()) != 0 ||
		string(sent.GetItems()[1].GetCredential()) != "another" {
		t.Fatal(server.requests[1])
	}
}

// As from a server that does not look at the message's own.
func TestAnItemOfABatchIsInTheOrganisationOfWhoeverItComesFrom(t *testing.T) {
	server := script(t, batchReply(t, fine, fine, fine))
	acme := clientOf(t, server).With(Org("acme"))
	var items []*Item
	for _, options := range [][]Option{nil, {Org("own")}, {Credential("another")}} {
		items = append(items, &Item{Method: "usher.v1.OpsService/GetHealth",
			Request: &usherv1.GetHealthRequest{}, Reply: &usherv1.GetHealthReply{}, Options: options})
	}
	if err := acme.Batch(context.Background(), items); err != nil {
		t.Fatal(err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	sent := &usherv1.BatchRequest{}
	if err := proto.Unmarshal(server.requests[0].GetPayload(), sent); err != nil {
		t.Fatal(err)
	}
	for i, org := range []string{"acme", "own", ""} {
		if got := sent.GetItems()[i].GetOrg(); got != org {
			t.Fatalf("item %d is in %q", i, got)
		}
	}
}

func TestABatchIsRepeatedIfEachOfItsItemsMayBe(t *testing.T) {
	read := &Item{Method: "usher.v1.OpsService/GetHealth", Request: &usherv1.GetHealthRequest{},
		Reply: &usherv1.GetHealthReply{}}
	write := func(options ...Option) *Item {
		return &Item{Method: "usher.v1.ContextService/PutProfile", Request: &usherv1.PutProfileRequest{},
			Reply: &usherv1.GetProfileReply{}, Options: options}
	}
	for name, row := range map[string]struct {
		items []*Item
		sent  int
	}{
		"reads":            {[]*Item{read, read}, 2},
		"a write":          {[]*Item{read, write()}, 1},
		"a write with key": {[]*Item{read, write(IdempotencyKey(NewIdempotencyKey()))}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := script(t, away, batchReply(t, fine, fine))
			err := clientOf(t, server).Batch(context.Background(), row.items)
			if server.count() != row.sent || (err == nil) != (row.sent == 2) {
				t.Fatalf("%d requests, %v", server.count(), err)
			}
		})
	}
}

func TestABatchThatCannotBeMadeOrReadSaysSo(t *testing.T) {
	ctx := context.Background()
	client := clientOf(t, script(t, batchReply(t, fine)))
	if err := client.Batch(ctx, nil); err != nil {
		t.Fatal(err)
	}
	item := &Item{Method: "usher.v1.OpsService/Nothing", Request: &usherv1.GetHealthRequest{},
		Reply: &usherv1.GetHealthReply{}}
	if err := client.Batch(ctx, []*Item{item}); !errors.Is(err, InvalidArgument) {
		t.Fatal(err)
	}
	item = &Item{Method: "usher.v1.OpsService/GetHealth", Request: &usherv1.GetHealthRequest{},
		Reply: &usherv1.GetHealthReply{}}
	if err := client.Batch(ctx, []*Item{item, item}); !errors.Is(err, Internal) {
		t.Fatal(err)
	}
}

func TestAnItemOfABatchThatLacksSomethingIsRefused(t *testing.T) {
	server := script(t, batchReply(t, fine))
	client := clientOf(t, server)
	request, reply := &usherv1.ResolveRequest{}, &usherv1.ResolveReply{}
	for _, item := range []*Item{
		nil,
		{Method: "usher.v1.ContextService/Resolve", Reply: reply},
		{Method: "usher.v1.ContextService/Resolve", Request: request},
		{Method: "usher.v1.ContextService/Resolve", Request: (*usherv1.ResolveRequest)(nil), Reply: reply},
		{Method: "usher.v1.ContextService/Resolve", Request: request, Reply: (*usherv1.ResolveReply)(nil)},
	} {
		if err := client.Batch(context.Background(), []*Item{item}); !errors.Is(err, InvalidArgument) {
			t.Fatal(item, err)
		}
	}
	if server.count() != 0 {
		t.Fatal(server.count())
	}
}

func TestAClientMayBeClosedUnderItsCalls(t *testing.T) {
	server := script(t, fine)
	for turn := 0; turn < 20; turn++ {
		client, before := clientOf(t, server), server.count()
		var all sync.WaitGroup
		for i := 0; i < 8; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for {
					if err := health(client); err != nil {
						if !errors.Is(err, Cancelled) {
							t.Error(err)
						}
						return
					}
				}
			}()
		}
		await(t, "calls are under way", func() bool { return server.count() > before+30 })
		client.Close()
		all.Wait()
	}
}

func TestASilentServerCostsNoCall(t *testing.T) {
	silent, well := script(t, nil), script(t, fine)
	client := clientOf(t, silent, well)
	client.awaitAll(t)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			if _, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{}); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	if silent.count() == 0 {
		t.Fatal("the silent one was not asked")
	}
}

// isLeftAlone: a call that takes long, on a server that answers others all the while, but not for its health.
func isLeftAlone(t *testing.T) bool {
	t.Helper()
	busy := script(t, fine)
	busy.ignores = []*method{&opsGetHealth, &contextResolve}
	client := clientOf(t, busy, &scripted{url: "tcp://127.0.0.1:1"})
	ctx, stop := context.WithTimeout(context.Background(), 60*time.Second)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := client.Context().Resolve(ctx, &usherv1.ResolveRequest{}, Attempts(1))
		ended <- err
	}()
	await(t, "it is asked how it is", func() bool { return busy.countOf(&opsGetHealth) == 1 })
	for load := 2; load > 1; load, _ = client.servers.all[0].troubles() {
		if _, err := client.User().GetMe(ctx, &usherv1.GetMeRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "it is asked again", func() bool { return busy.countOf(&opsGetHealth) > 1 || len(ended) > 0 })
	return len(ended) == 0
}

func TestAServerThatAnswersOthersIsNotSilent(t *testing.T) {
	// A machine that stands still for a second itself keeps the others' answers from coming.
	for tries := 1; !isLeftAlone(t); tries++ {
		if tries == 3 {
			t.Fatal("the call was given up")
		}
	}
}

// Each of those that are silent has been asked before any is given up.
func TestSilentServersAreAskedAtTheSameTime(t *testing.T) {
	var urls []string
	for i := 0; i < 3; i++ {
		urls = append(urls, script(t, nil).url)
	}
	var asked int32
	allAreAsked := make(chan struct{})
	ask := func(*server) bool {
		if atomic.AddInt32(&asked, 1) == 3 {
			close(allAreAsked)
		}
		select {
		case <-allAreAsked:
			return false
		case <-time.After(20 * time.Second):
			return true
		}
	}
	all, err := newServers(urls, nil, ask)
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{servers: all, budget: &budget{}, settings: settings{request: &usherv1.Request{}}}
	t.Cleanup(client.Close)
	client.awaitAll(t)
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	ended := make(chan error, len(urls))
	for range urls {
		go func() {
			_, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{}, Attempts(1))
			ended <- err
		}()
	}
	for range urls {
		var failure *Error
		if err := <-ended; !errors.As(err, &failure) || failure.Reason != "CONNECTION_LOST" {
			t.Fatal(err)
		}
	}
}

func TestWhatIsNoURLIsRefusedAtOnce(t *testing.T) {
	for _, urls := range [][]string{nil, {"htp://127.0.0.1:1"}, {"tcp://127.0.0.1:1", "tcp://:x:y"}} {
		_, err := New(Config{Servers: urls})
		var failure *Error
		if !errors.Is(err, InvalidArgument) || !errors.As(err, &failure) || failure.Reason != "BAD_URL" {
			t.Fatal(urls, err)
		}
	}
}

func TestTheContextEndsACall(t *testing.T) {
	client := clientOf(t, script(t, nil))
	client.awaitAll(t)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{})
	if !errors.Is(err, DeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, stop)
	_, err = client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{})
	if !errors.Is(err, Cancelled) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func (s *server) troubles() (load, failures int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.exchanges), s.failures
}

// healthWithin calls with a context that ends soon, and wants it to end with that.
func healthWithin(t *testing.T, client *Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{}); !errors.Is(err, DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestAnAnswerJustAfterTheContextsEndIsNoTrouble(t *testing.T) {
	slow := script(t, fine)
	slow.mu.Lock()
	slow.held = make(chan struct{})
	slow.mu.Unlock()
	client := clientOf(t, slow)
	client.awaitAll(t)
	s := client.servers.all[0]
	s.grace = time.Minute
	healthWithin(t, client)
	close(slow.held)
	await(t, "the answer has come", func() bool { load, _ := s.troubles(); return load == 0 })
	if _, failures := s.troubles(); failures != 0 {
		t.Fatal(failures)
	}
}

func TestAServerThatLetsContextsEndRests(t *testing.T) {
	server := script(t, nil)
	client := clientOf(t, server)
	client.awaitAll(t)
	s := client.servers.all[0]
	s.grace = time.Millisecond
	// What the context ends before it was sent, on a machine that stood still, is no trouble.
	load, failures := 0, 0
	for i := 0; i < 3 && failures == 0; i++ {
		healthWithin(t, client)
		await(t, "it is over", func() bool { load, failures = s.troubles(); return load == 0 })
	}
	if failures != 1 {
		t.Fatal(failures)
	}
}

func TestNoTimeAtAllIsNotForEver(t *testing.T) {
	client := clientOf(t, script(t, nil))
	client.awaitAll(t)
	for _, left := range []time.Duration{0, -time.Second} {
		ended := make(chan *Error, 1)
		go func() {
			_, failure := client.servers.all[0].talk(context.Background(), []byte{}, left)
			ended <- failure
		}()
		select {
		case failure := <-ended:
			if failure.Reason != "NOT_SENT" {
				t.Fatal(failure)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("it does not end")
		}
	}
}

func isUnsentInTime(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Reason == "NOT_SENT" && failure.Attempts == 0 &&
		errors.Is(err, DeadlineExceeded) && errors.Is(err, context.DeadlineExceeded)
}

func TestWhatAContextEndedBeforeItWasSentWasNotSent(t *testing.T) {
	server := script(t, fine)
	client := clientOf(t, server)
	client.awaitAll(t)
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{}); !isUnsentInTime(err) {
		t.Fatal(err)
	}
	// What was sent before has been heard when this is answered.
	if err := health(client); err != nil || server.count() != 1 {
		t.Fatal(err, server.count())
	}
}

// The send itself waits: the connection went when the server had been chosen, or is busy.
func TestWhatAContextEndedWhileItWasBeingSentWasNotSent(t *testing.T) {
	client, err := New(Config{Servers: []string{"tcp://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := client.servers.all[0]
	// On a machine that stood still for as long as a send may take, that is over at the same time.
	for i := 0; ; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		_, failure := s.talk(ctx, []byte{}, time.Minute)
		cancel()
		if failure != nil && isUnsentInTime(failure) {
			break
		}
		if failure == nil || failure.Reason != "NOT_SENT" || i == 2 {
			t.Fatal(failure)
		}
	}
	if load, failures := s.troubles(); load != 0 || failures != 0 {
		t.Fatal(load, failures)
	}
}

func TestAPauseThatAContextEndsCountsWhatWasSent(t *testing.T) {
	server := script(t, refusal(Unavailable, "DATABASE_AWAY", 30000))
	client := clientOf(t, server)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() {
		s := client.servers.all[0]
		for load, failures := s.troubles(); load > 0 || failures == 0; load, failures = s.troubles() {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{})
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != Cancelled || failure.Attempts != 1 {
		t.Fatal(err)
	}
}

func TestALargestAnswerComesThrough(t *testing.T) {
	answer := refusal(NotFound, "", 0)
	for answer.Message = ""; proto.Size(answer) < messageBytesMax; {
		// The length's own length grows too.
		answer.Message += strings.Repeat("x", (messageBytesMax-proto.Size(answer)+1)/2)
	}
	if proto.Size(answer) != messageBytesMax {
		t.Fatal(proto.Size(answer))
	}
	if err := health(clientOf(t, script(t, answer))); !errors.Is(err, NotFound) {
		t.Fatal(err)
	}
}

func TestWithoutAServerTheDeadlineIsTheEnd(t *testing.T) {
	client, err := New(Config{Servers: []string{"tcp://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{})
	var failure *Error
	if !errors.As(err, &failure) || failure.Reason != "NOT_CONNECTED" || failure.Attempts != 0 {
		t.Fatal(err)
	}
}

func TestWhenTooMuchFailsNothingIsRepeated(t *testing.T) {
	b := &budget{}
	failures := 0
	for ; b.suffices(); failures++ {
		b.failed()
	}
	if failures != 50 {
		t.Fatal(failures)
	}
	for i := 0; i < 20; i++ {
		b.succeeded()
	}
	for _, suffices := range []bool{true, true, false} {
		if b.suffices() != suffices {
			t.Fatal(b.spent)
		}
		b.failed()
	}
}

// Who comes too often is told so, and whoever shares the client with him loses nothing by it.
func TestRefusalsOfOneCallerCostTheOthersNoRepeat(t *testing.T) {
	for _, row := range []struct {
		code   Code
		reason string
		costs  bool
	}{
		{ResourceExhausted, "OVERLOADED", true},
		{ResourceExhausted, "TOO_MANY_CALLS", true},
		{ResourceExhausted, "TOO_MANY_REFUSALS", true},
		{ResourceExhausted, "TOO_MANY_ATTEMPTS", false},
		{ResourceExhausted, "QUOTA_EXCEEDED", false},
		{Aborted, "IDEMPOTENCY_KEY_BUSY", false},
		{Unavailable, "DATABASE_AWAY", true},
	} {
		client := clientOf(t, script(t, refusal(row.code, row.reason, 90000)))
		for i := 0; i < 2; i++ {
			if err := health(client); !errors.Is(err, row.code) {
				t.Fatal(row.reason, err)
			}
		}
		if costs := client.budget.spent > 0; costs != row.costs {
			t.Fatal(row.reason, client.budget.spent)
		}
	}
}

// await waits for what will be so before long.
func await(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	for ends := time.Now().Add(30 * time.Second); !isSo(); time.Sleep(time.Millisecond) {
		if time.Now().After(ends) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

// More of them than there are tokens to spend, so that each would not get its repeat if each cost one.
func TestCallsThatAreLostWithOneConnectionAreOneTrouble(t *testing.T) {
	const calls = 64
	silent := script(t, nil)
	client := clientOf(t, silent)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := 0; i < calls; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			if _, err := client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{}); err != nil {
				t.Error(err)
			}
		}()
	}
	await(t, "all calls are under way", func() bool { return silent.count() == calls })
	_ = silent.socket.Close()
	s := client.servers.all[0]
	await(t, "all of them are lost", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.exchanges) == 0 && s.failures > 0
	})
	lostAt := time.Now()
	again := scriptAt(t, silent.url, fine)
	all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	// Where the last is noticed more than a second after the first, it may be the second step's.
	if rest := s.restsUntil.Sub(lostAt); again.count() != calls || rest > restMax/2 {
		t.Fatal(again.count(), rest)
	}
}

func TestWhatFailsAtAServerThatRestsDoesNotLengthenItsRest(t *testing.T) {
	s := &server{}
	now := time.Now()
	// The first of those that are lost costs a token, the others are the same trouble.
	lose := func(losses int) {
		t.Helper()
		for i := 0; i < losses; i++ {
			if s.lose(now) != (i == 0) {
				t.Fatal(i)
			}
		}
	}
	for _, seconds := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		lose(100)
		s.rest(now)
		if rest := s.restsUntil.Sub(now); rest != seconds*time.Second {
			t.Fatal(rest)
		}
		now = s.restsUntil
	}
	// Rests for what it said, which was paid for; the loss of its connection is another trouble.
	s.isWell()
	s.rest(now)
	lose(3)
	if rest := s.restsUntil.Sub(now); rest != restFirst {
		t.Fatal(rest)
	}
}

// While the server rests too, or one that is started again and again would cost nothing.
func TestEachConnectionThatIsLostCostsAToken(t *testing.T) {
	s := &server{changed: func() {}}
	now := time.Now()
	for i := 0; i < 3; i++ {
		s.count(mangos.PipeEventAttached, nil)
		if !s.lose(now) || s.lose(now) {
			t.Fatal(i)
		}
		s.count(mangos.PipeEventDetached, nil)
	}
	if rest := s.restsUntil.Sub(now); rest != restFirst {
		t.Fatal(rest)
	}
}

func TestASessionKeepsTheGreatestRevision(t *testing.T) {
	var s Session
	revision := func(epoch, id byte) []byte {
		r := make([]byte, revisionBytes)
		r[7], r[15] = epoch, id
		return r
	}
	for _, seen := range [][]byte{revision(1, 5), revision(1, 3), revision(2, 1), revision(1, 9), {1}} {
		s.Saw(seen)
	}
	if got := s.Revision(); got[7] != 2 || got[15] != 1 {
		t.Fatal(got)
	}
}
