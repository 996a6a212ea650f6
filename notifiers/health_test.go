package notifiers_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
)

// A chat that refuses for good is as much out of order as one that does not answer; one post that is written is well.
func TestAChatThatRefusesPostsIsFailing(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var b notifiers.Breaker
	for i, err := range []error{
		&notifiers.Failure{Kind: notifiers.Passing, Provider: "slack", Detail: "no answer"},
		errors.New("no answer from +4915112345617"),
		&notifiers.Failure{Kind: notifiers.Final, Provider: "slack", Code: "not_in_channel", Detail: "Rouse's app is not in the channel"},
	} {
		if h := b.Health(); !h.FailingSince.IsZero() {
			t.Errorf("after %d it fails since %s", i, h.FailingSince)
		}
		b.Wrote(at.Add(time.Duration(i)*time.Minute), "work", err)
		if h := b.Health(); strings.Contains(h.Failure, "15112345617") || !strings.HasPrefix(h.Failure, "work: ") {
			t.Errorf("the failure is %q", h.Failure)
		}
	}
	h := b.Health()
	if !h.FailingSince.Equal(at) || !h.LastFailure.Equal(at.Add(2*time.Minute)) || !strings.Contains(h.Failure, "not in the channel") {
		t.Errorf("after three it is %+v", h)
	}
	b.Wrote(at.Add(time.Hour), "work", nil)
	if h := b.Health(); !h.FailingSince.IsZero() || !h.LastSuccess.Equal(at.Add(time.Hour)) {
		t.Errorf("once it wrote one it is %+v", h)
	}
}

// A row of failures goes on where it was kept, also one that was too short to count.
func TestARowOfFailuresOutlivesARestart(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	down := &notifiers.Failure{Kind: notifiers.Passing, Detail: "no answer"}
	var before, after notifiers.Breaker
	before.Wrote(at, "work", down)
	before.Wrote(at.Add(time.Minute), "work", down)
	if !after.Restore(after.Record(), before.Record()) || after.Restore(notifiers.Record{}, notifiers.Record{}) {
		t.Error("what was kept is to be remembered, and nothing instead of what is news")
	}
	if h := after.Health(); !h.FailingSince.IsZero() || !h.LastFailure.Equal(at.Add(time.Minute)) {
		t.Errorf("restored it is %+v", h)
	}
	after.Wrote(at.Add(2*time.Minute), "work", down)
	if h := after.Health(); !h.FailingSince.Equal(at) {
		t.Errorf("after the third it is %+v", h)
	}
}
