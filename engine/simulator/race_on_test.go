//go:build race

package simulator

const underRace = true
