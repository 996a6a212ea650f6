// Package notifiertest is the suite that every channel passes: the contract of notifiers.Notifier,
// clause by clause, against the channel's own fake provider.
package notifiertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"rouse/notifiers"
)

// Mood is how the fake provider behaves.
type Mood string

// The moods.
const (
	Well           Mood = "well"
	RefusesAddress Mood = "refuses the address" // for good: no such number
	OutOfOrder     Mood = "out of order"        // says so, and takes nothing (503)
	TooMany        Mood = "too many requests"   // 429 with Retry-After: 7
	Silent         Mood = "silent"              // takes the message, never answers
	Away           Mood = "away"                // connection refused
	Resets         Mood = "resets"              // takes the message, resets the connection
	Garbage        Mood = "garbage"             // 200, and something that is not the provider's
)

// Fixture is a channel with its fake provider, fresh for every test.
type Fixture struct {
	Notifier notifiers.Notifier
	// Message is a message that can be sent: its nonce, summary and code are replaced.
	Message notifiers.Message
	// Become sets the provider's mood; it is Well at first.
	Become func(Mood)
	// Received waits until at least n messages have reached the person and returns all of them as the
	// person gets them: title and body, or all that is read out.
	Received func(n int) []string
	// Head is what every message begins with, in the way the channel writes (or spells) it: key and
	// severity; the summary follows.
	Head func(notifiers.Message) string
	// Secrets must not be seen in an error, besides the message's own.
	Secrets []string
	// NoRetryAfter is set where the protocol has no way to say when to come again.
	NoRetryAfter bool
	// ProvidersFault is set where a refused address cannot be told from another refusal, so that another
	// provider is tried.
	ProvidersFault bool
	// GarbageIsNoAnswer is set where only one answer means that the message was taken.
	GarbageIsNoAnswer bool
	// AnyAnswerWillDo is set where what is answered has no form, so that none is garbage.
	AnyAnswerWillDo bool
}

// Run runs the suite; start makes a fixture and cleans it up with t.Cleanup.
func Run(t *testing.T, start func(t *testing.T) Fixture) {
	tests := map[string]func(*testing.T, Fixture){
		"success":                          succeeds,
		"begins with key severity summary": beginsRight,
		"refusals and silences":            fails,
		"no secrets in errors":             keepsSecrets,
		"deadline":                         keepsDeadline,
		"cancelled before":                 sendsNothingWhenCancelled,
		"every script":                     survivesEveryScript,
		"many at once":                     sendsManyAtOnce,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func (f Fixture) message(n int, summary string) notifiers.Message {
	m := f.Message
	m.Nonce, m.Summary, m.Code = fmt.Sprintf("nonce-%d", n), summary, fmt.Sprintf("%06d", 100_000+n)
	return m
}

func context5s(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func succeeds(t *testing.T, f Fixture) {
	r, err := f.Notifier.Notify(context5s(t), f.message(1, "disk full"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Provider == "" || r.ProviderID == "" || r.State != notifiers.Sent && r.State != notifiers.Delivered {
		t.Errorf("receipt %+v wants a provider, its id and a state", r)
	}
	if got := f.Received(1); len(got) != 1 {
		t.Errorf("one Notify made %d messages: %q", len(got), got)
	}
}

// Rule 14.
func beginsRight(t *testing.T, f Fixture) {
	m := f.message(1, "disk full on db1")
	if _, err := f.Notifier.Notify(context5s(t), m); err != nil {
		t.Fatal(err)
	}
	if got, want := f.Received(1)[0], f.Head(m)+m.Summary; !strings.HasPrefix(got, want) {
		t.Errorf("%q does not begin with %q", got, want)
	}
}

// kinds are what each mood has to be told as.
var kinds = map[Mood]notifiers.Kind{
	RefusesAddress: notifiers.Final,
	OutOfOrder:     notifiers.Passing,
	TooMany:        notifiers.Passing,
	Away:           notifiers.Passing,
	Resets:         notifiers.Unknown,
	Garbage:        notifiers.Unknown,
}

func fails(t *testing.T, f Fixture) {
	for mood, kind := range kinds {
		if mood == Garbage && f.AnyAnswerWillDo {
			continue
		}
		f.Become(mood)
		_, err := f.Notifier.Notify(context5s(t), f.message(1, "disk full"))
		failure, ok := errors.AsType[*notifiers.Failure](err)
		if !ok {
			t.Errorf("%s: error %v is no Failure", mood, err)
			continue
		}
		if mood == Garbage && f.GarbageIsNoAnswer {
			kind = notifiers.Passing
		}
		if failure.Kind != kind || failure.Provider == "" || failure.Detail == "" {
			t.Errorf("%s: got %+v, want kind %s with provider and detail", mood, failure, kind)
		}
		if mood == TooMany && !f.NoRetryAfter && failure.RetryAfter != 7*time.Second {
			t.Errorf("%s: RetryAfter is %s, the provider said 7s", mood, failure.RetryAfter)
		}
		if mood == RefusesAddress && failure.Elsewhere && !f.ProvidersFault {
			t.Errorf("%s: it is the address's fault, no other provider will do", mood)
		}
	}
	f.Become(Well)
	if _, err := f.Notifier.Notify(context5s(t), f.message(2, "and well again")); err != nil {
		t.Errorf("after all that, with the provider well: %v", err)
	}
}

func keepsSecrets(t *testing.T, f Fixture) {
	hidden := append([]string{strings.TrimPrefix(f.Message.To, "+"), f.Message.AckURL, f.Message.DeclineURL, "disk full"}, f.Secrets...)
	for mood := range kinds {
		f.Become(mood)
		_, err := f.Notifier.Notify(context5s(t), f.message(1, "disk full"))
		for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			for _, secret := range hidden {
				if secret != "" && strings.Contains(text, secret) {
					t.Errorf("%s: error shows %q: %s", mood, secret, text)
				}
			}
		}
	}
}

func keepsDeadline(t *testing.T, f Fixture) {
	f.Become(Silent)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := f.Notifier.Notify(ctx, f.message(1, "disk full"))
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("returned after %s, the context ended after 200ms", took)
	}
	if kind := notifiers.KindOf(err); err == nil || kind != notifiers.Unknown {
		t.Errorf("got %v, want an Unknown failure: the provider may have taken it", err)
	}
}

func sendsNothingWhenCancelled(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Notifier.Notify(ctx, f.message(1, "disk full")); err == nil {
		t.Error("no error for a context that had ended")
	}
	if _, err := f.Notifier.Notify(context5s(t), f.message(2, "the only one")); err != nil {
		t.Fatal(err)
	}
	if got := f.Received(1); len(got) != 1 || !strings.Contains(got[0], "the only one") {
		t.Errorf("received %q", got)
	}
}

var scripts = []string{
	"Füllstand 100 % auf ‚größe‘", "Диск заполнен на db1", "磁盘已满", "ディスクがいっぱい", "디스크 가득 참", "القرص ممتلئ",
	"הדיסק מלא", "डिस्क भर गई", "ดิสก์เต็ม", "Ο δίσκος γέμισε", "🔥🔥 disk 👩‍🚒👍🏽 full 🇩🇪", "<b>&amp;\"'</b> ]]> %s %d {{.}}", "tab\tand\nnew\r\nline",
	"\x00\x1b[31m\xff\u202egnp.exe", "", strings.Repeat("a long story ", 400), strings.Repeat("長", 3000), strings.Repeat("🧨", 900),
}

func survivesEveryScript(t *testing.T, f Fixture) {
	for n, summary := range scripts {
		m := f.message(n, summary)
		if _, err := f.Notifier.Notify(context5s(t), m); err != nil {
			t.Errorf("%.40q: %v", summary, err)
			continue
		}
		got := f.Received(n + 1)[n]
		beginning := []rune(strings.ToValidUTF8(summary, "\x00"))
		beginning = beginning[:min(len(beginning), 8)]
		if strings.ContainsFunc(string(beginning), func(r rune) bool { return r < ' ' || r == '\u202e' }) {
			beginning = nil // dropped or made a blank, so that nothing can be compared
		}
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\u202e\ufffd") || !strings.HasPrefix(got, f.Head(m)+string(beginning)) {
			t.Errorf("%.40q arrived as %.200q", summary, got)
		}
	}
}

func sendsManyAtOnce(t *testing.T, f Fixture) {
	const many = 30
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			if _, err := f.Notifier.Notify(context5s(t), f.message(n, fmt.Sprintf("trouble number %d!", n))); err != nil {
				t.Errorf("message %d: %v", n, err)
			}
		})
	}
	all.Wait()
	got := strings.Join(f.Received(many), "\n")
	for n := range many {
		if c := strings.Count(got, fmt.Sprintf("trouble number %d!", n)); c == 0 {
			t.Errorf("message %d did not arrive", n)
		}
	}
}
