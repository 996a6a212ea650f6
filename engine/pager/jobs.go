package pager

import (
	"context"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

const withdrawQueue = "withdraw"

// sendQueue is the queue of a channel's sends: a provider that hangs holds up no other channel for longer than
// Patience, from when on the sweeper sends each channel's by themselves. Every queue costs a start of the program
// some milliseconds, and more of the database at rest, so those that are alike share one.
func sendQueue(c rosters.Channel) string {
	switch c {
	case rosters.WebPush:
		c = rosters.Push
	case rosters.Webhook:
		c = rosters.Email
	}
	return "send_" + string(c)
}

// databaseTime lets the database's clock say from when a job may be fetched. River's driver takes this
// node's, so that with a clock that is ahead nobody would fetch the job when it is announced; for the zero
// time its statement puts now(), when the transaction began.
type databaseTime struct{ river.PluginDefaults }

var _ rivertype.HookInsertBegin = (*databaseTime)(nil)

func (*databaseTime) InsertBegin(_ context.Context, job *rivertype.JobInsertParams) error {
	job.ScheduledAt = &time.Time{}
	return nil
}

// sendArgs is the job of sending one attempt under one generation. A job whose generation is stale does
// nothing.
type sendArgs struct {
	Incident   int64 `json:"incident"`
	Attempt    int   `json:"attempt"`
	Generation int   `json:"generation"`

	// For what is limited: on what it goes, and how much it needs room. An older release leaves them out.
	Channel rosters.Channel `json:"channel,omitempty"`
	Rank    notifiers.Rank  `json:"rank,omitempty"`
}

func (sendArgs) Kind() string { return "send" }

// InsertOpts: one try. The attempt's row is the truth, and the sweeper looks after it; a job that River
// gives up loses nothing. Its queue is its channel's.
func (sendArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1}
}

type sendWorker struct {
	river.WorkerDefaults[sendArgs]
	p *Pager
}

func (w *sendWorker) Work(ctx context.Context, job *river.Job[sendArgs]) error {
	a := job.Args
	return w.p.send(ctx, enginedb.AttemptRef{Incident: a.Incident, Attempt: a.Attempt, Generation: a.Generation},
		a.Channel, a.Rank)
}

// withdrawArgs is the job of hanging up a call that nobody needs any more: one try, too, as the sweeper
// finds those that still ring.
type withdrawArgs struct {
	Incident int64 `json:"incident"`
	Attempt  int   `json:"attempt"`
}

func (withdrawArgs) Kind() string { return "withdraw" }

func (withdrawArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: withdrawQueue, MaxAttempts: 1}
}

type withdrawWorker struct {
	river.WorkerDefaults[withdrawArgs]
	p *Pager
}

func (w *withdrawWorker) Work(ctx context.Context, job *river.Job[withdrawArgs]) error {
	return w.p.withdraw(ctx, job.Args.Incident, job.Args.Attempt)
}
