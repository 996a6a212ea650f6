package bench

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestQuantileIsTheNearestRank(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, test := range []struct {
		of   []time.Duration
		q    float64
		want time.Duration
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 0.991, 100}, {hundred, 1, 100}, {hundred, 0, 1},
		{[]time.Duration{7}, 0.5, 7}, {[]time.Duration{7}, 0.99, 7}, {[]time.Duration{1, 9}, 0.5, 1}, {nil, 0.5, 0},
	} {
		if got := quantile(test.of, test.q); got != test.want {
			t.Errorf("quantile %g of %d: %d, want %d", test.q, len(test.of), got, test.want)
		}
	}
	figures := spread("x", "≤ 1", "≤ 2", []time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond})
	if len(figures) != 3 || figures[0].Value != 2 || figures[0].Goal != "≤ 1" || figures[1].Value != 3 || figures[1].Goal != "≤ 2" || figures[2].N != 3 {
		t.Errorf("spread: %+v", figures)
	}
}

// A call that is not answered holds up none of those after it.
func TestAScheduleDoesNotWaitForAnswers(t *testing.T) {
	const n, every = 20, 5 * time.Millisecond
	answer := make(chan struct{})
	var called atomic.Int64
	due := make([]time.Time, n)
	err := onSchedule(t.Context(), n, every, func(i int, at time.Time) error {
		due[i] = at
		if called.Add(1) == n {
			close(answer) // nobody is answered before the last has asked
		}
		select {
		case <-answer:
			return nil
		case <-time.After(10 * time.Second):
			return errors.New("the others were not called")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range due {
		if got := at.Sub(due[0]); got != time.Duration(i)*every {
			t.Errorf("call %d is due %s after the first", i, got)
		}
	}
}

func TestAScheduleEndsWithTheFirstError(t *testing.T) {
	wrong := errors.New("wrong")
	err := onSchedule(t.Context(), 1_000_000, time.Millisecond, func(i int, _ time.Time) error {
		if i == 3 {
			return wrong
		}
		return nil
	})
	if !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
}

func TestADriveMakesEveryCallOnce(t *testing.T) {
	calls := make([]atomic.Int64, 1000)
	done, err := drive(t.Context(), 8, times(len(calls)), func(_ context.Context, i int) error { calls[i].Add(1); return nil })
	if err != nil || done.done != len(calls) {
		t.Fatal(done, err)
	}
	for i := range calls {
		if n := calls[i].Load(); n != 1 {
			t.Errorf("call %d was made %d times", i, n)
		}
	}
	wrong := errors.New("wrong")
	done, err = drive(t.Context(), 1, times(10), func(_ context.Context, i int) error {
		if i == 4 {
			return wrong
		}
		return nil
	})
	if !errors.Is(err, wrong) || done.done != 4 {
		t.Errorf("with an error: %+v, %v", done, err)
	}
}

func TestProcessesAreAddedUpAsATree(t *testing.T) {
	p, err := parseProcess("27595 (post) gres: (x) R 27591 27591 23892 0 -1 4194304 97 0 0 0 120 30 7 3 20 0 1 0 1184391 3133440 382 18446744073709551615\n")
	if err != nil || p != (process{27595, 27591, 1500 * time.Millisecond, 100 * time.Millisecond}) {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"", "1 cat R 2", "1 (cat) R 2 3", "x (cat) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		if _, err := parseProcess(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	all := []process{{1, 0, 100, 100}, {10, 1, 5, 2}, {11, 10, 3, 50}, {12, 11, 1, 0}, {20, 1, 1000, 0}}
	if got := treeTime(all, 10); got != 5+2+3+50+1 {
		t.Errorf("the tree below 10 has %d", got)
	}
	own, err := processes()
	if err != nil {
		t.Skip(err)
	}
	if !slices.ContainsFunc(own, func(p process) bool { return p.pid == os.Getpid() && p.parent == os.Getppid() }) {
		t.Error("this process is not among them")
	}
}

func TestSizesAreReadFromTheStatus(t *testing.T) {
	status := []byte("Name:\tVmRSS:\nVmHWM:\t    2252 kB\nVmRSS:\t     900 kB\n")
	for field, want := range map[string]int{"VmHWM": 2252, "VmRSS": 900} {
		if got, err := parseStatus(status, field); err != nil || got != want {
			t.Errorf("%s: %d, %v", field, got, err)
		}
	}
	if _, err := parseStatus(status, "VmSwap"); err == nil {
		t.Error("VmSwap was found")
	}
}

const metricsBefore = `# TYPE x_seconds histogram
x_seconds_bucket{le="0.01"} 10
x_seconds_bucket{le="0.1"} 20
x_seconds_bucket{le="1"} 20
x_seconds_bucket{le="+Inf"} 20
x_seconds_sum 1
x_seconds_count 20
`

const metricsAfter = `x_seconds_bucket{le="0.01"} 60
x_seconds_bucket{le="0.1"} 110
x_seconds_bucket{le="1"} 119
x_seconds_bucket{le="+Inf"} 120
`

func TestHistogramsAreReadSubtractedAndEstimated(t *testing.T) {
	before, err := parseHistogram([]byte(metricsBefore), "x_seconds")
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseHistogram([]byte(metricsAfter), "x_seconds")
	if err != nil {
		t.Fatal(err)
	}
	h, err := after.less(before) // 50, 90, 99, 100
	if err != nil || h.count() != 100 {
		t.Fatal(h, err)
	}
	for q, want := range map[float64]float64{0.25: 0.005, 0.5: 0.01, 0.7: 0.055, 0.9: 0.1, 0.99: 1, 1: 1} {
		if got := h.quantile(q); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	if _, err := before.less(after); err == nil {
		t.Error("a server that was restarted was not noticed")
	}
	none, err := after.less(after)
	if err != nil || none.figures("x", "") != nil || none.quantile(0.5) != 0 {
		t.Errorf("of nothing: %+v, %v", none.figures("x", ""), err)
	}
	if _, err := parseHistogram([]byte(metricsBefore), "y_seconds"); err == nil {
		t.Error("a histogram was found that is not there")
	}
}

func TestStatementsAreCountedAsPostgresLogsThem(t *testing.T) {
	log := "2026-11-21 02:51:38 UTC [1] LOG:  starting PostgreSQL\n" +
		"2026-11-21 02:51:38 UTC [2] LOG:  statement: begin\n" +
		"2026-11-21 02:51:38 UTC [2] LOG:  execute stmtcache_1: select id\n\tfrom incident -- LOG:\n" +
		"2026-11-21 02:51:38 UTC [2] DETAIL:  parameters: $1 = 'statement: x'\n" +
		"2026-11-21 02:51:38 UTC [2] LOG:  duration: 3 ms\n" +
		"2026-11-21 02:51:38 UTC [2] ERROR:  no\n"
	if got := countStatements([]byte(log)); got != 2 {
		t.Errorf("%d statements", got)
	}
}

func TestPgbenchIsUnderstood(t *testing.T) {
	got, err := parsePgbench([]byte("latency average = 0.1 ms\ninitial connection time = 1.2 ms\ntps = 10854.416803 (without initial connection time)\n"))
	if err != nil || got != 10854.416803 {
		t.Error(got, err)
	}
	if _, err := parsePgbench([]byte("pgbench: fatal")); err == nil {
		t.Error("no rate was found all the same")
	}
}

func TestEveryIncidentThatAPushNamesIsFound(t *testing.T) {
	for text, want := range map[string][]string{
		"HOT-1 SEV1 benchmark storm\nService crowd-1. You are paged as incident manager.":  {"HOT-1"},
		"HOT-9 SEV1 x (+4)\nAnd 4 more.\nHOT-12 SEV1 x\nAll: HOT-9, HOT-12–HOT-14, OPS-3.": {"HOT-9", "HOT-12", "HOT-13", "HOT-14", "OPS-3"},
		"SEV1 UTF-x crowd-7": nil,
	} {
		if got := keysIn(text); !slices.Equal(got, want) {
			t.Errorf("%q names %v", text, got)
		}
	}
}

func TestDuplicatesAreOfTheSameIncidentAndTopic(t *testing.T) {
	now := time.Now()
	pushes := []pushed{{"HOT-1", "ann", now}, {"HOT-1", "bob", now}, {"HOT-2", "ann", now}, {"HOT-1", "ann", now.Add(1)}, {"HOT-1", "ann", now.Add(2)}}
	if got := duplicates(pushes); got != 2 {
		t.Errorf("%d duplicates", got)
	}
}
