package usher

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"usher.internal/usher/usherv1"
)

const batchMethod = "usher.v1.Batch"

// Item is one of several calls in one message.
type Item struct {
	Method  string        // "usher.v1.ContextService/Resolve": one that is batchable
	Request proto.Message // as the method takes it
	Reply   proto.Message // as the method gives it; filled in where Err is nil
	Options []Option      // of this item alone; without a Credential of its own it has the message's, and its Org
	Err     error         // set by Batch: nil, or an *Error
}

// Batch makes several calls in one message, answered in order, each with an error of its own in its
// Item. The error is the message's: then none of them was answered. It is repeated only if each of its
// items may be. An item may take what its method's deadline says, and the message the longest of those.
// IdempotencyKey is an item's option: the server refuses one for the message.
func (c *Client) Batch(ctx context.Context, items []*Item, options ...Option) error {
	if len(items) == 0 {
		return nil
	}
	s := c.settings.with(options)
	b := &batch{items: items, settings: make([]*settings, len(items)), isRepeatable: true}
	payload, failure := b.encode(s)
	if failure != nil {
		return failure
	}
	s.request.Method = batchMethod
	s.request.Payload = payload
	tries := &attempts{most: s.attempts, isRepeatable: b.isRepeatable, budget: c.budget}
	response, failure := c.run(ctx, &method{name: batchMethod, deadlineMs: b.deadlineMs}, s, tries)
	if failure != nil {
		return failure
	}
	if s.info != nil {
		*s.info = Info{Attempts: tries.made + 1}
	}
	return b.decode(response.GetPayload(), s.session, tries.made+1)
}

// batch is one on its way.
type batch struct {
	items        []*Item
	settings     []*settings
	isRepeatable bool
	deadlineMs   uint32
}

// isWhole: is there all that a call needs?
func (item *Item) isWhole() bool {
	return item != nil && item.Request != nil && item.Reply != nil &&
		item.Request.ProtoReflect().IsValid() && item.Reply.ProtoReflect().IsValid()
}

func findMethod(name string) *method {
	for _, m := range methods {
		if m.name == name {
			return m
		}
	}
	return nil
}

// encode makes the message of them; whole are the settings for all.
func (b *batch) encode(whole *settings) ([]byte, *Error) {
	message := &usherv1.BatchRequest{}
	for i, item := range b.items {
		if !item.isWhole() {
			return nil, refuse(InvalidArgument, "", fmt.Sprintf("item %d lacks its Request or its Reply", i))
		}
		item.Err = nil
		m := findMethod(item.Method)
		if m == nil {
			return nil, refuse(InvalidArgument, "METHOD_UNKNOWN", "there is no method "+item.Method)
		}
		payload, err := proto.Marshal(item.Request)
		if err != nil {
			return nil, refuse(InvalidArgument, "", err.Error())
		}
		own := (&settings{request: &usherv1.Request{}}).with(item.Options)
		b.settings[i] = own
		own.request.MethodId = m.id
		own.request.TimeoutMs = m.deadlineMs
		own.request.Payload = payload
		if len(own.request.Credential) == 0 && own.request.Org == "" {
			// Servers do the same with what the message says, but older ones do not.
			own.request.Org = whole.request.Org
		}
		if own.session != nil {
			own.request.AtLeast = own.session.Revision()
		}
		message.Items = append(message.Items, own.request)
		hasKey := len(own.request.IdempotencyKey) > 0
		b.isRepeatable = b.isRepeatable && isRepeatable(m, item.Request, hasKey)
		if m.deadlineMs > b.deadlineMs {
			b.deadlineMs = m.deadlineMs
		}
	}
	payload, err := proto.Marshal(message)
	if err != nil {
		return nil, refuse(InvalidArgument, "", err.Error())
	}
	return payload, nil
}

// decode gives each item its answer.
func (b *batch) decode(payload []byte, session *Session, made int) error {
	reply := &usherv1.BatchReply{}
	if err := proto.Unmarshal(payload, reply); err != nil || len(reply.GetItems()) != len(b.items) {
		return refuse(Internal, "MALFORMED_REPLY", "the server's reply can't be read, or lacks an item")
	}
	for i, response := range reply.GetItems() {
		item, own := b.items[i], b.settings[i]
		for _, s := range []*Session{session, own.session} {
			if s != nil {
				s.Saw(response.GetRevision())
			}
		}
		if own.info != nil {
			*own.info = Info{response.GetRevision(), response.GetReplayed(), made}
		}
		if response.GetCode() != 0 {
			failure := fromResponse(response)
			failure.Attempts = made
			item.Err = failure
		} else if err := proto.Unmarshal(response.GetPayload(), item.Reply); err != nil {
			item.Err = refuse(Internal, "MALFORMED_REPLY", err.Error())
		}
	}
	return nil
}
