// Package clerk works out who is on call as a diligent clerk would: day after day through the calendar,
// with a finger on each line, and nothing but the time package. It is there to be held against package
// rosters, whose types it takes and of which it calls nothing; the two share no code, and the rules are
// read here a second time, from RFC 5545 and from what the types promise.
//
// It also draws rosters of all shapes by lot, and the instants at which one is most likely to be wrong.
//
// It is slow, believes what it is given and refuses little. Nobody is paged by it.
package clerk
