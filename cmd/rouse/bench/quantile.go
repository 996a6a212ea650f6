package bench

import (
	"math"
	"slices"
	"time"
)

// quantile is the smallest of the sorted values that a share q of them does not exceed (nearest rank);
// 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// spread gives median, p99 and maximum of many durations, with the goals of the first two.
func spread(name, goal50, goal99 string, ds []time.Duration) []Figure {
	slices.Sort(ds)
	at := func(q float64) float64 { return milliseconds(quantile(ds, q)) }
	return []Figure{
		{Name: name + ", p50", Value: at(0.5), Unit: "ms", Goal: goal50, N: len(ds)},
		{Name: name + ", p99", Value: at(0.99), Unit: "ms", Goal: goal99, N: len(ds)},
		{Name: name + ", max", Value: at(1), Unit: "ms", N: len(ds)},
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
