package usher

import (
	"math/rand"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The rules are those of "Several servers, and calling again" in docs/protocol.md.
const (
	attemptsMax  = 4
	backoffFirst = 50 * time.Millisecond
	backoffMax   = time.Second
	jitter       = 0.2

	// In tenths of a token.
	budgetMax     = 1000
	budgetFailure = 10
	budgetSuccess = 1
)

// budget is what a client spends on repeats, all its calls together.
type budget struct {
	mu    sync.Mutex
	spent int
}

func (b *budget) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent -= budgetSuccess; b.spent < 0 {
		b.spent = 0
	}
}

func (b *budget) failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent += budgetFailure; b.spent > budgetMax {
		b.spent = budgetMax
	}
}

// suffices: is there enough left for a repeat?
func (b *budget) suffices() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spent < budgetMax/2
}

// isRepeatable: may the call be made twice, for all that a client knows?
func isRepeatable(m *method, request proto.Message, hasKey bool) bool {
	if m.effect == effectRead && !isFilled(request, m.writeWith) {
		return true
	}
	return m.idempotentByKey && hasKey
}

func isFilled(request proto.Message, name string) bool {
	if name == "" {
		return false
	}
	message := request.ProtoReflect()
	field := message.Descriptor().Fields().ByName(protoreflect.Name(name))
	return field != nil && message.Has(field)
}

// isPassing: might the same call succeed later, or on another server?
func isPassing(e *Error) bool {
	switch e.Code {
	case Unavailable:
		return e.Reason != "NOT_CONNECTED" && e.Reason != "MAIL_NOT_CONFIGURED"
	case ResourceExhausted:
		return e.RetryAfter > 0
	case Aborted:
		return e.Reason == "IDEMPOTENCY_KEY_BUSY"
	case Unknown:
		// It is either there, and replayed, or was not done, and is now.
		return e.Reason == "COMMIT_UNKNOWN"
	}
	return false
}

// tellsOfTrouble: of a failure that is passing, is it the system that is in trouble, or this one caller? Of
// its quota, throttle or key nothing follows for the others.
func tellsOfTrouble(e *Error) bool {
	switch e.Code {
	case ResourceExhausted:
		return e.Reason == "OVERLOADED" || e.Reason == "TOO_MANY_CALLS" || e.Reason == "TOO_MANY_REFUSALS"
	case Aborted:
		return false
	}
	return true
}

// isUnsent: of what the client says itself, is it about a call that no server was given?
func isUnsent(reason string) bool {
	return reason == "NOT_CONNECTED" || reason == "NOT_SENT" || reason == "REQUEST_TOO_LARGE"
}

// attempts counts those of one call.
type attempts struct {
	made, most   int
	isRepeatable bool
	budget       *budget
	backoffs     uint
	last         *Error // of the attempt before
}

// outcome is what a call ends with that ends after e: what was sent before is not undone by not being
// sent once more.
func (a *attempts) outcome(e *Error) *Error {
	if !e.IsAnswer && isUnsent(e.Reason) && a.last != nil {
		return a.last
	}
	return e
}

// pauseAfter says how long to wait before the next attempt; false: there is none.
func (a *attempts) pauseAfter(e *Error, left time.Duration) (time.Duration, bool) {
	if e.Reason == "NOT_SENT" && e.cause == nil && left > 0 {
		return 0, true
	}
	if e.IsAnswer || !isUnsent(e.Reason) {
		a.made++
	}
	e.Attempts = a.made
	if a.made > 0 {
		a.last = a.outcome(e)
	}
	isPassing := isPassing(e)
	if isPassing && tellsOfTrouble(e) {
		if !e.isPaid {
			a.budget.failed()
		}
	} else if e.IsAnswer {
		// The server is well and has said its word.
		a.budget.succeeded()
	}
	if !isPassing || !a.isRepeatable || a.made >= a.most || !a.budget.suffices() {
		return 0, false
	}
	pause := e.RetryAfter
	if pause > 0 {
		a.backoffs = 0
	} else {
		if pause = backoffFirst << a.backoffs; pause > backoffMax {
			pause = backoffMax
		} else {
			a.backoffs++
		}
		pause = time.Duration(float64(pause) * (1 - jitter + 2*jitter*rand.Float64()))
	}
	return pause, pause < left
}
