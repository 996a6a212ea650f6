package bench

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// histogram is one of Prometheus's: how many were at most each bound, in seconds, the last being +Inf.
type histogram struct {
	bounds, counts []float64
}

// parseHistogram finds a histogram without labels of its own in Prometheus's text format
// (https://prometheus.io/docs/instrumenting/exposition_formats).
func parseHistogram(text []byte, name string) (h histogram, err error) {
	for line := range bytes.Lines(text) {
		rest, ok := strings.CutPrefix(string(line), name+`_bucket{le="`)
		if !ok {
			continue
		}
		bound, count, ok := strings.Cut(rest, `"} `)
		if !ok {
			return h, fmt.Errorf("%s has labels beside le: %s", name, line)
		}
		le, errLe := strconv.ParseFloat(bound, 64) // "+Inf", too
		n, errN := strconv.ParseFloat(strings.TrimSpace(count), 64)
		if errLe != nil || errN != nil {
			return h, fmt.Errorf("%s cannot be read: %s", name, line)
		}
		h.bounds, h.counts = append(h.bounds, le), append(h.counts, n)
	}
	if len(h.bounds) == 0 || !math.IsInf(h.bounds[len(h.bounds)-1], 1) {
		return h, fmt.Errorf("there is no histogram %s", name)
	}
	return h, nil
}

// less is what was added since an earlier reading. One of other bounds, or with more in it, is from
// another server, or from before a restart.
func (h histogram) less(earlier histogram) (histogram, error) {
	d := histogram{bounds: h.bounds}
	for i, n := range h.counts {
		if len(h.counts) != len(earlier.counts) || h.bounds[i] != earlier.bounds[i] || earlier.counts[i] > n {
			return d, errors.New("the metrics before and after are not of one server: give the address of one, not of several behind a proxy")
		}
		d.counts = append(d.counts, n-earlier.counts[i])
	}
	return d, nil
}

func (h histogram) count() int { return int(h.counts[len(h.counts)-1]) }

// quantile estimates as Prometheus's histogram_quantile does: within a bucket values are taken to be
// spread evenly, and what is beyond the last bound counts as that bound.
func (h histogram) quantile(q float64) float64 {
	rank := q * h.counts[len(h.counts)-1]
	for i, n := range h.counts {
		if n < rank || n == 0 {
			continue
		}
		low, before := 0.0, 0.0
		if i > 0 {
			low, before = h.bounds[i-1], h.counts[i-1]
		}
		if i == len(h.bounds)-1 {
			return low
		}
		return low + (h.bounds[i]-low)*(rank-before)/(n-before)
	}
	return 0
}

// figures are what it says in milliseconds, nothing if there is nothing in it. They are estimates: no
// finer than the buckets.
func (h histogram) figures(name, goal string) []Figure {
	if h.count() == 0 {
		return nil
	}
	return []Figure{
		{Name: name + ", p50", Value: 1000 * h.quantile(0.5), Unit: "ms", N: h.count()},
		{Name: name + ", p99", Value: 1000 * h.quantile(0.99), Unit: "ms", Goal: goal, N: h.count()},
	}
}
