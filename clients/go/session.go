package usher

import (
	"bytes"
	"sync"
)

const (
	revisionBytes = 16
	epochBytes    = 8
	epochsPast    = 4
)

// Session is a causal session: what one user or flow has seen. Calls made with it never read a state
// older than its own writes, on any server. Make one for a user or a flow, not one for a process.
// The zero value is ready; any number of goroutines may share it.
type Session struct {
	mu       sync.Mutex
	revision []byte
	past     [][]byte
}

// Revision is the greatest one seen; nil before the first write.
func (s *Session) Revision() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// Saw keeps a revision if it is newer than what is known.
func (s *Session) Saw(revision []byte) {
	if len(revision) != revisionBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.revision) == 0 || bytes.Equal(s.revision[:epochBytes], revision[:epochBytes]) {
		// Both halves are big-endian, so bytes compare as numbers do.
		if bytes.Compare(s.revision, revision) < 0 {
			s.revision = revision
		}
		return
	}
	// The database failed over: the later reply is the newer one, but a late one of before must not
	// lead back.
	for _, epoch := range s.past {
		if bytes.Equal(epoch, revision[:epochBytes]) {
			return
		}
	}
	s.past = append(s.past, s.revision[:epochBytes])
	if len(s.past) > epochsPast {
		s.past = s.past[1:]
	}
	s.revision = revision
}
