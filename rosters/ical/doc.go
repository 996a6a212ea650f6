// Package ical writes shifts as an iCalendar document (RFC 5545), for calendar programs to subscribe to.
//
// It is pure, as rosters is: whoever asks brings the shifts, the names and the times. The same shifts make
// the same document, byte for byte, whenever and wherever it is made: an ETag of it holds until something
// changes.
package ical
