package pager

import (
	"fmt"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters"
)

// Rule 12: three messages go out at once, and one call. When they are long past, so do the next.
func TestWhatIsCalm(t *testing.T) {
	for _, c := range []struct {
		channel rosters.Channel
		sends   int
		within  time.Duration
	}{{rosters.Push, 3, 10 * time.Second}, {rosters.SMS, 3, 10 * time.Second}, {rosters.Voice, 1, 30 * time.Second}} {
		s, to := newStorm(), place{c.channel, "ann"}
		for range c.sends {
			if !s.calm(to) {
				t.Errorf("%s: one of the first %d messages waits", c.channel, c.sends)
			}
		}
		if s.calm(to) || s.calm(to) {
			t.Errorf("%s: more than %d messages go out at once", c.channel, c.sends)
		}
		if !s.calm(place{c.channel, "bob"}) {
			t.Errorf("%s: Bob waits for what is sent to Ann", c.channel)
		}
		s.ago(c.within - time.Second)
		if s.calm(to) {
			t.Errorf("%s: calm after %s", c.channel, c.within-time.Second)
		}
		s.ago(time.Second)
		if !s.calm(to) {
			t.Errorf("%s: no calm after %s", c.channel, c.within)
		}
	}
}

// ago lets time pass since everything.
func (s *storm) ago(d time.Duration) {
	for _, all := range s.decided {
		for i := range all {
			all[i] = all[i].Add(-d)
		}
	}
	for to, at := range s.told {
		s.told[to] = at.Add(-d)
	}
}

// Rule 12: how long what came on top waits for company, counted from the last message.
func TestHowLongAStormsMessagesWait(t *testing.T) {
	const never = -time.Second
	for name, c := range map[string]struct {
		w    enginedb.Waiting
		here time.Duration // since this node sent something there; never: it did not
		want time.Duration
	}{
		"nothing was sent before":        {enginedb.Waiting{Channel: rosters.Push, First: true, Told: never}, never, 0},
		"a first page, at once":          {enginedb.Waiting{Channel: rosters.Push, First: true, Told: never}, 0, 2 * time.Second},
		"a first page, a second later":   {enginedb.Waiting{Channel: rosters.SMS, First: true, Told: never}, time.Second, time.Second},
		"a first page, long after":       {enginedb.Waiting{Channel: rosters.SMS, First: true, Told: time.Hour}, time.Minute, 0},
		"another node sent a bundle":     {enginedb.Waiting{Channel: rosters.SMS, First: true, Told: time.Second}, time.Minute, time.Second},
		"only next contacts":             {enginedb.Waiting{Channel: rosters.SMS, Told: 10 * time.Second}, never, 20 * time.Second},
		"only next contacts, no storm":   {enginedb.Waiting{Channel: rosters.SMS, Told: never}, time.Second, time.Second},
		"only next contacts, long after": {enginedb.Waiting{Channel: rosters.SMS, Told: time.Hour}, time.Hour, 0},
		"a phone that rings":             {enginedb.Waiting{Channel: rosters.Voice, First: true, Ringing: true, Told: never}, 5 * time.Second, time.Second},
		"another node lets it ring":      {enginedb.Waiting{Channel: rosters.Voice, First: true, Ringing: true, Told: never}, never, time.Second},
		"a phone that is free":           {enginedb.Waiting{Channel: rosters.Voice, First: true, Told: never}, 5 * time.Second, 0},
		"what a dead worker has left":    {enginedb.Waiting{Channel: rosters.Voice, Begun: true, Ringing: true, Told: 0}, 0, 0},
		"and more with it":               {enginedb.Waiting{Channel: rosters.SMS, Begun: true, First: true, Told: time.Second}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorm()
			c.w.Address = "ann"
			if c.here >= 0 {
				s.tell(place{c.w.Channel, "ann"})
				s.ago(c.here)
			}
			if got := s.wait(c.w); got > c.want || got < c.want-500*time.Millisecond {
				t.Errorf("it waits for %s, want %s", got, c.want)
			}
		})
	}
}

func TestAStormForgetsAddresses(t *testing.T) {
	s := newStorm()
	for i := range maxPlaces {
		s.tell(place{rosters.Push, fmt.Sprint(i)})
		s.calm(place{rosters.Push, fmt.Sprint(i)})
	}
	s.ago(time.Minute)
	s.tell(place{rosters.Push, "one more"})
	s.calm(place{rosters.Push, "one more"})
	if len(s.told) > 1 || len(s.decided) > 1 {
		t.Errorf("%d and %d addresses are remembered", len(s.told), len(s.decided))
	}
}

func TestAnAddressIsClaimedByOneAtATime(t *testing.T) {
	s, to := newStorm(), place{rosters.Push, "ann"}
	if !s.begin(to) || s.begin(to) {
		t.Error("the second began, too, or the first did not")
	}
	s.end(to)
	if !s.begin(to) {
		t.Error("it never ended")
	}
}
