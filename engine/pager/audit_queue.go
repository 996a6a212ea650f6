package pager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// looks are when this node last looked into each of its queues. River tells of every fetch that came back,
// twice a second at least while there is room for more jobs. That shows a queue that has stopped, whether or
// not there is work; how long jobs wait shows only how much of it there is.
type looks struct {
	river.PluginDefaults
	began time.Time
	of    map[string]*look // by queue; complete before the queues start
}

type look struct {
	room    int32        // jobs at the same time
	running atomic.Int32 // those under way
	last    atomic.Int64 // nanoseconds after looks.began
}

var (
	_ rivertype.HookMetricEmit   = (*looks)(nil)
	_ rivertype.WorkerMiddleware = (*looks)(nil)
)

func newLooks(queues map[string]river.QueueConfig) *looks {
	l := &looks{began: time.Now(), of: map[string]*look{}}
	for name, q := range queues {
		l.of[name] = &look{room: int32(q.MaxWorkers)}
	}
	return l
}

// MetricEmit is called after each fetch.
func (l *looks) MetricEmit(_ context.Context, params *rivertype.HookMetricEmitParams) {
	if m, ok := params.Metric.(*rivertype.JobGetAvailableCountMetric); ok {
		if q := l.of[m.Queue]; q != nil {
			q.last.Store(int64(time.Since(l.began)))
		}
	}
}

// Work is called around each job. A queue without room does not fetch; its time begins when a job ends.
func (l *looks) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	if q := l.of[job.Queue]; q != nil {
		q.running.Add(1)
		defer func() {
			q.last.Store(int64(time.Since(l.began)))
			q.running.Add(-1)
		}()
	}
	return work(ctx)
}

func (l *looks) audit() Check {
	now := time.Since(l.began)
	var dead []string
	var oldest time.Duration
	for name, q := range l.of {
		age := now - time.Duration(q.last.Load())
		if age > nodeDead && q.running.Load() < q.room {
			dead = append(dead, name)
			oldest = max(oldest, age)
		}
	}
	if len(dead) > 0 {
		slices.Sort(dead)
		return Check{Name: checkQueue, Text: fmt.Sprintf("this node last took jobs from %s %s ago; the sweeper does what it leaves, later. See the log, and restart the node if the database answers; or is the queue paused?",
			strings.Join(dead, ", "), oldest.Round(time.Second))}
	}
	return Check{Name: checkQueue, OK: true, Text: "is worked"}
}
