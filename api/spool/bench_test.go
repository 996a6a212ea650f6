package spool

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rouse/engine/pager"
)

// BenchmarkSpoolWrite keeps alerts of a usual size for 32 senders, each of whom waits until its own is on the
// disk. The folder is on the disk of the temporary files: TMPDIR=… chooses another one.
func BenchmarkSpoolWrite(b *testing.B) {
	const senders = 32
	n := newNode(b, func(c *Config) { c.Limit = 64 << 30 })
	n.db.goAway()
	a := trouble(1)
	a.Raw, a.Labels = make([]byte, 1<<10), map[string]string{"host": "db-1", "team": "storage"}
	n.want(a, pager.Spooled)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	b.ResetTimer()
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				began := time.Now()
				if got, err := n.Receive(context.Background(), a); err != nil || got.Outcome != pager.Spooled {
					b.Errorf("got %+v, %v", got, err)
				}
				took[i] = time.Since(began)
			}
		})
	}
	sending.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
}

// BenchmarkStraightThrough is what the spool costs while the database answers.
func BenchmarkStraightThrough(b *testing.B) {
	n := newNode(b, func(c *Config) { c.Patience = time.Hour })
	a := trouble(1)
	a.Once = "once" // the fake keeps one
	for b.Loop() {
		if _, err := n.Receive(context.Background(), a); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReplay is how fast a spool empties into a database that costs nothing.
func BenchmarkReplay(b *testing.B) {
	n := newNode(b, func(c *Config) { c.Limit = 64 << 30 })
	n.db.goAway()
	var sending sync.WaitGroup
	var next atomic.Int64
	for range 64 {
		sending.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				n.want(trouble(int(i)), pager.Spooled)
			}
		})
	}
	sending.Wait()
	n.db.comeBack()
	b.ResetTimer()
	n.start().becomes(direct)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
}
