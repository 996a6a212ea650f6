package simulator

import "time"

// dice is where all chance in a run comes from: SplitMix64 (Steele, Lea, Flood: Fast Splittable
// Pseudorandom Number Generators, 2014).
type dice uint64

// newDice begins far apart for seeds that are neighbours.
func newDice(seed uint64) *dice {
	d := dice(seed)
	d = dice(d.roll())
	return &d
}

func (d *dice) roll() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below gives 0 to n-1.
func (d *dice) below(n int) int { return int(d.roll() % uint64(n)) }

// chance is true so often; at 0 it does not even roll.
func (d *dice) chance(p float64) bool { return p > 0 && float64(d.roll()>>11)/(1<<53) < p }

func (d *dice) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.roll()%uint64(to-from+1))
}

func pick[T any](d *dice, from ...T) T { return from[d.below(len(from))] }
