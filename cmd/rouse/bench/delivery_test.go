package bench

import (
	"testing"
	"time"

	"rouse/rosters"
)

func TestBusyCountsWithinATimeAndASecond(t *testing.T) {
	began := time.Now()
	var all []asked
	for _, at := range []time.Duration{0, 100, 200, 950, 1150, 1999, 2000} {
		all = append(all, asked{rosters.SMS, "+491", began.Add(at * time.Millisecond)})
	}
	if n, most := busy(all, 2*time.Second); n != 6 || most != 4 {
		t.Errorf("%d within two seconds, %d in one", n, most)
	}
	if n, most := busy(nil, time.Second); n != 0 || most != 0 {
		t.Errorf("of nothing: %d, %d", n, most)
	}
}
