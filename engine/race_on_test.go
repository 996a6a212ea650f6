//go:build race

package engine

// underRace is whether the race detector is on, which makes a search of all states some ten times slower.
const underRace = true
