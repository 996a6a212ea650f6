package pager

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"rouse/engine"
	"rouse/rosters"
)

// What Postgres takes, and what fits an index entry. Nothing is refused for being longer: an alert is
// never dropped for its form, and its original is kept beside it.
const (
	maxSummary = 1024      // bytes
	maxDetails = 64 << 10  // bytes
	maxRaw     = 512 << 10 // bytes
	maxWord    = 200       // bytes of a service or source
	maxDedup   = 512       // bytes; a longer dedup key is replaced by its SHA-256
	maxLinks   = 50        // and responders
	maxDoubts  = 20
	maxNote    = 4 << 10 // bytes
	maxLabels  = 200
	maxLabel   = 1 << 10 // bytes
)

// ownKey is what a sender's key must look like to become an incident's: "HOT-1234", as in Jira.
var ownKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,19}-[0-9]{1,12}$`)

// storable makes an alert one that the database can keep, whatever its sender put into it.
func storable(a engine.Alert) engine.Alert {
	if !a.Severity.Valid() {
		a.Severity = engine.Major
	}
	if !a.Action.Known() {
		a.Action = engine.Trigger
	}
	a.Summary = strings.TrimSpace(text(a.Summary, maxSummary))
	if a.Summary == "" {
		a.Summary = "Alert without summary"
	}
	a.Details = text(a.Details, maxDetails)
	a.Service = engine.ServiceID(text(string(a.Service), maxWord))
	a.Source = text(a.Source, maxWord)
	if len(a.DedupKey) > maxDedup {
		a.DedupKey = "sha256:" + digest(a.DedupKey)
	}
	a.DedupKey = text(a.DedupKey, maxDedup)
	a.Word, a.By = text(a.Word, maxWord), rosters.PersonID(text(string(a.By), maxWord))
	a.Note = text(a.Note, maxNote)
	if len(a.Once) > maxWord { // two that begin alike are two
		a.Once = "sha256:" + digest(a.Once)
	}
	a.Once = text(a.Once, maxWord)
	labels := make(map[string]string, min(len(a.Labels), maxLabels))
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		if len(labels) < maxLabels {
			labels[text(name, maxWord)] = text(a.Labels[name], maxLabel)
		}
	}
	a.Labels = labels
	a.Responders = slices.Clone(a.Responders[:min(len(a.Responders), maxLinks)])
	for i := range a.Responders {
		a.Responders[i].Name = text(a.Responders[i].Name, maxWord)
	}
	a.Doubts = slices.Clone(a.Doubts[:min(len(a.Doubts), maxDoubts)])
	for i := range a.Doubts {
		a.Doubts[i].Text = text(a.Doubts[i].Text, maxNote)
	}
	if !ownKey.MatchString(string(a.Key)) {
		a.Key = ""
	}
	if !ownKey.MatchString(string(a.Incident)) {
		a.Incident = ""
	}
	if len(a.Raw) > maxRaw {
		a.Raw = a.Raw[:maxRaw]
	}
	links := make([]engine.Link, 0, min(len(a.Links), maxLinks))
	for _, l := range a.Links[:min(len(a.Links), maxLinks)] {
		links = append(links, engine.Link{Href: text(l.Href, 2048), Text: text(l.Text, maxWord)})
	}
	a.Links = links
	return a
}

func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// text takes out what Postgres refuses (NUL, bytes that are no UTF-8) and cuts at a whole character.
func text(s string, limit int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
