package usher

import (
	"context"
	"fmt"
	"strings"
	"time"

	"usher.internal/usher/usherv1"
)

// Code says what happened, for programs: a number of google/rpc/code.proto. It is an error, so that
// errors.Is(err, usher.NotFound) can be asked.
type Code uint32

const (
	OK                 Code = 0
	Cancelled          Code = 1
	Unknown            Code = 2
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Aborted            Code = 10
	OutOfRange         Code = 11
	Unimplemented      Code = 12
	Internal           Code = 13
	Unavailable        Code = 14
	DataLoss           Code = 15
	Unauthenticated    Code = 16
)

var codeNames = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
	"NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
	"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED"}

func (c Code) Error() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint32(c))
}

// Violation is a field that was refused, and why.
type Violation struct {
	Field       string
	Description string
}

// Error is a call that did not succeed; errors.As finds it.
type Error struct {
	Code       Code
	Reason     string // why, for programs: "VERSION_MISMATCH"
	Message    string // for people
	Metadata   map[string]string
	Violations []Violation
	RetryAfter time.Duration // the server's word on when to try again; 0: none
	Attempts   int           // how often the call was sent
	IsAnswer   bool          // the server said it, not we

	cause  error
	isPaid bool // it was lost in the same trouble as another, which cost a token
}

func (e *Error) Error() string {
	words := []string{e.Code.Error()}
	for _, word := range []string{e.Reason, e.Message} {
		if word != "" {
			words = append(words, word)
		}
	}
	for _, v := range e.Violations {
		words = append(words, v.Field+": "+v.Description)
	}
	return strings.Join(words, ": ")
}

// Is reports whether target is the error's Code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Unwrap gives context.Canceled or context.DeadlineExceeded where the context ended the call.
func (e *Error) Unwrap() error { return e.cause }

func refuse(code Code, reason, message string) *Error {
	return &Error{Code: code, Reason: reason, Message: message}
}

// ended says what the end of a context means.
func ended(ctx context.Context) *Error {
	if ctx.Err() == context.Canceled {
		return &Error{Code: Cancelled, Message: "the caller gave up", cause: context.Canceled}
	}
	return &Error{Code: DeadlineExceeded, Reason: "NO_ANSWER", cause: context.DeadlineExceeded,
		Message: "no answer came in time; the call may have been carried out"}
}

func fromResponse(response *usherv1.Response) *Error {
	e := &Error{
		Code:       Code(response.GetCode()),
		Message:    response.GetMessage(),
		RetryAfter: time.Duration(response.GetRetryAfterMs()) * time.Millisecond,
		IsAnswer:   true,
	}
	for _, detail := range response.GetDetails() {
		if info := detail.GetErrorInfo(); info != nil {
			e.Reason = info.GetReason()
			e.Metadata = make(map[string]string, len(info.GetMetadata()))
			for _, pair := range info.GetMetadata() {
				e.Metadata[pair.GetKey()] = pair.GetValue()
			}
		}
		for _, v := range detail.GetBadRequest().GetViolations() {
			e.Violations = append(e.Violations, Violation{v.GetField(), v.GetDescription()})
		}
	}
	return e
}
