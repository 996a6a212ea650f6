package prove

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"rouse/notifiers/fake"
	"rouse/rosters"
)

// ledger is the pen: it writes down what happens outside Rouse while it happens. Safe for many.
type ledger struct {
	mu   sync.Mutex
	book book
}

// book is what was written down.
type book struct {
	accepted []accepted
	refused  []refused
	sent     []sent
	answers  []answered
	faults   []fault

	// Of calls, by the provider's id.
	ended, keys, confirmed map[string]time.Time
}

// refused is an alert that was not taken in as long as its sender tried.
type refused struct {
	alert
	at  time.Time
	why string
}

// fault is something that was broken, from and until when.
type fault struct {
	kind     faultKind
	node     string // "" is all of them
	from, to time.Time
}

type faultKind string

const (
	killed faultKind = "killed"
	asleep faultKind = "asleep" // stopped, and let go on
	alone  faultKind = "alone"  // cut off from the database
)

func newLedger() *ledger {
	return &ledger{book: book{ended: map[string]time.Time{}, keys: map[string]time.Time{}, confirmed: map[string]time.Time{}}}
}

func (l *ledger) accept(a accepted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.accepted = append(l.book.accepted, a)
}

func (l *ledger) refuse(a alert, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.refused = append(l.book.refused, refused{a, time.Now(), why.Error()})
}

// begin writes down that a provider is being called, and gives the entry a number for end.
func (l *ledger) begin(s sent) (no int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.sent = append(l.book.sent, s)
	return len(l.book.sent) - 1
}

func (l *ledger) end(no int, accepted bool, id string) sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.book.sent[no]
	s.ended, s.accepted, s.id = time.Now(), accepted, id
	return *s
}

func (l *ledger) fault(f fault) fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.faults = append(l.book.faults, f)
	return f
}

// answer writes down what a person does about a message, or will do in a call, and gives the entry a number
// for confirm.
func (l *ledger) answer(a answered) (no int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.answers = append(l.book.answers, a)
	return len(l.book.answers) - 1
}

// confirm tells that Rouse said it took an answer in.
func (l *ledger) confirm(no int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.answers[no].heard = at
}

// confirmText tells that Rouse said so in a text.
func (l *ledger) confirmText(number, key string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.book.answers {
		a := &l.book.answers[i]
		if a.sent.channel == rosters.SMS && a.sent.address == number && a.sent.key == key && a.do == acknowledges && a.heard.IsZero() {
			a.heard = at
			return
		}
	}
}

// pressed tells that a key was collected in a call, confirmCall that Rouse said in it that it took an
// acknowledgement in. Either may come before the call has an entry: the two are brought together by read.
func (l *ledger) pressed(sid string, at time.Time) { l.mark(l.book.keys, sid, at) }

func (l *ledger) confirmCall(sid string, at time.Time) { l.mark(l.book.confirmed, sid, at) }

func (l *ledger) hungUp(sid string, at time.Time) { l.mark(l.book.ended, sid, at) }

// mark keeps the first time of something.
func (l *ledger) mark(in map[string]time.Time, sid string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in[sid].IsZero() {
		in[sid] = at
	}
}

// quiet reports whether no provider is being called.
func (l *ledger) quiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(l.book.sent, func(s sent) bool { return s.ended.IsZero() })
}

// sending waits until a node is calling a provider, and tells whether it came to that in time.
func (l *ledger) sending(ctx context.Context, node string, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		l.mu.Lock()
		at := slices.ContainsFunc(l.book.sent[max(0, len(l.book.sent)-100):], func(s sent) bool { return s.node == node && s.ended.IsZero() })
		l.mu.Unlock()
		if at || !fake.Sleep(ctx, time.Millisecond) {
			return at
		}
	}
}

// read gives what is written so far.
func (l *ledger) read() book {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.book
	b.accepted, b.refused, b.sent = slices.Clone(b.accepted), slices.Clone(b.refused), slices.Clone(b.sent)
	b.answers, b.faults = slices.Clone(b.answers), slices.Clone(b.faults)
	b.ended, b.keys, b.confirmed = maps.Clone(b.ended), maps.Clone(b.keys), maps.Clone(b.confirmed)
	for i := range b.answers {
		if a := &b.answers[i]; a.sent.channel == rosters.Voice {
			a.at, a.heard = b.keys[a.sent.id], b.confirmed[a.sent.id]
		}
	}
	return b
}
