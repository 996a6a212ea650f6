package simulator

import (
	"fmt"
	"strings"
	"time"

	"rouse/engine"
)

// tell adds a line to the run's story, if anybody wants to read it.
func (s *sim) tell(n *node, format string, args ...any) {
	if !s.telling {
		return
	}
	who := ""
	if n != nil {
		who = "node " + n.name + ": "
	}
	s.story = append(s.story, fmt.Sprintf("at %-9s %s", s.now.Round(time.Millisecond), who)+fmt.Sprintf(format, args...))
}

func (s *sim) text() string { return strings.Join(s.story, "\n") }

// tellDecision tells what the engine decided: the lines of the incident's own timeline.
func (s *sim) tellDecision(c *step) {
	if !s.telling {
		return
	}
	s.tell(c.node, "decides about %s, %s: due at %s", c.before.Key, describe(c.event), s.when(c.after.Deadline()))
	for _, ef := range c.effects {
		switch ef := ef.(type) {
		case engine.Note:
			s.story = append(s.story, "             "+ef.Text)
		case engine.Send:
			s.story = append(s.story, fmt.Sprintf("             to be sent: attempt %d", ef.Attempt))
		case engine.Withdraw:
			s.story = append(s.story, fmt.Sprintf("             to be hung up: attempt %d", ef.Attempt))
		}
	}
}

// when tells a moment by the database's clock as the run counts time.
func (s *sim) when(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	return (t.Sub(s.world.base) - s.skew).Round(time.Millisecond).String()
}

func (t *told) String() string {
	return fmt.Sprintf("%d of %s (generation %d)", t.ref.attempt, t.row.inc.Key, t.ref.generation)
}

func (x *sending) String() string {
	var all []string
	for i := range x.tells {
		all = append(all, x.tells[i].String())
	}
	return strings.Join(all, " with ")
}

// describe says what an event is.
func describe(ev engine.Event) string {
	switch ev := ev.(type) {
	case engine.PagedIn:
		return fmt.Sprintf("%s pages in %s", ev.By, ev.Ladder.Name)
	case engine.Alerted:
		return fmt.Sprintf("an alert of severity %d", ev.Severity)
	case engine.Answer:
		what := "acknowledges"
		if ev.Decline {
			what = "declines"
		}
		return fmt.Sprintf("%s %s page %d by attempt %d, %s", ev.Person, what, ev.Page, ev.Attempt, ev.Via)
	case engine.Tick:
		return "a tick"
	case engine.Resumed:
		return fmt.Sprintf("a stop of %s", ev.Stopped.Round(time.Second))
	default:
		return strings.TrimPrefix(fmt.Sprintf("%T%+v", ev, ev), "engine.")
	}
}
