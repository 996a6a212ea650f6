// Package rosters says who is on call: people and how to reach them, rosters of rotations and
// overrides, and the working hours of services.
//
// It is pure: it calls no clock, no database, no network and no log, and imports nothing of
// Rouse. Whoever asks brings the instant. Every interval is half-open, [from, to): at the second
// a shift ends, the next person is on call and nobody else.
//
// Validate says what must not be saved, and is strict. Answers are lenient: whatever was saved, they
// do not fail, and what cannot be read takes nobody else off call.
package rosters
