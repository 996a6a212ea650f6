package pager

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// ForgetLooks lets the last look into each queue have been too long ago.
func (p *Pager) ForgetLooks() {
	for _, q := range p.looks.of {
		q.last.Store(int64(time.Since(p.looks.began) - nodeDead - time.Second))
	}
}

func TestAQueueWithoutRoomIsNotDead(t *testing.T) {
	l := newLooks(map[string]river.QueueConfig{"send_sms": {MaxWorkers: 1}})
	if c := l.audit(); !c.OK {
		t.Errorf("a queue that has just been made: %s", c.Text)
	}
	l.began = l.began.Add(-2 * nodeDead)
	if c := l.audit(); c.OK {
		t.Error("a queue that was never looked into passes")
	}
	// A provider that hangs keeps every place taken: nothing is fetched, and nothing is wrong with the queue.
	err := l.Work(t.Context(), &rivertype.JobRow{Queue: "send_sms"}, func(context.Context) error {
		if c := l.audit(); !c.OK {
			t.Errorf("a queue without room: %s", c.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := l.audit(); !c.OK {
		t.Errorf("a queue that has just had room again: %s", c.Text)
	}
	l.began = l.began.Add(-2 * nodeDead)
	l.MetricEmit(t.Context(), &rivertype.HookMetricEmitParams{Metric: &rivertype.JobGetAvailableCountMetric{Queue: "send_sms"}})
	if c := l.audit(); !c.OK {
		t.Errorf("a queue that has just been looked into: %s", c.Text)
	}
}
