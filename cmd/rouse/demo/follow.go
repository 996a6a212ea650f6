package demo

import (
	"context"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

const lookEvery = 50 * time.Millisecond

// follow adds every new line of every incident's timeline to the journal until ctx ends. It reads the
// database, so that it goes on while the server is dead.
func (d *demo) follow(ctx context.Context) {
	seen := map[engine.Key]int{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.catchUp(ctx, seen)
	}
}

// catchUp reads what is new. An error is not told: it is the end, or the next look sees more.
func (d *demo) catchUp(ctx context.Context, seen map[engine.Key]int) {
	db := enginedb.New(d.db)
	list, _, err := db.Incidents(ctx, enginedb.Filter{Limit: 200})
	if err != nil {
		return
	}
	for _, inc := range list {
		lines, err := db.Timeline(ctx, inc.ID)
		if err != nil {
			return
		}
		for _, l := range lines[seen[inc.Key]:] { // lines come in order: each is written under the incident's lock
			d.journal.add(fromTimeline(string(inc.Key), l))
		}
		seen[inc.Key] = len(lines)
	}
}

func fromTimeline(key string, l enginedb.Line) event {
	e := event{at: l.At, kind: decided, key: key, who: "decided", person: string(l.Note.Person),
		call: l.Note.Channel == rosters.Voice, detail: string(l.Note.Reason), text: l.Note.Text}
	switch l.Note.Reason {
	case engine.ReasonSent, engine.ReasonDelivered, engine.ReasonFailed:
		e.kind, e.who = receipt, "receipt"
	}
	return e
}
