package intake

import (
	"strconv"
	"strings"

	"rouse/engine"
)

// severities are the words of all dialects, folded by foldName: what the sources call their worst is
// critical, what they would wake somebody for is major, the rest is minor. A word that is not here,
// or none at all, is major: it pages at once.
var severities = map[string]engine.Severity{
	"1": engine.Critical, "sev1": engine.Critical, "severity1": engine.Critical, "p1": engine.Critical,
	"priority1": engine.Critical, "sev0": engine.Critical, "p0": engine.Critical,
	"critical": engine.Critical, "crit": engine.Critical, "page": engine.Critical, "emergency": engine.Critical,
	"fatal": engine.Critical, "disaster": engine.Critical, "blocker": engine.Critical, "highest": engine.Critical,

	"2": engine.Major, "sev2": engine.Major, "severity2": engine.Major, "p2": engine.Major, "priority2": engine.Major,
	"error": engine.Major, "high": engine.Major, "major": engine.Major, "urgent": engine.Major, "average": engine.Major,

	"3": engine.Minor, "sev3": engine.Minor, "severity3": engine.Minor, "p3": engine.Minor, "priority3": engine.Minor,
	"4": engine.Minor, "sev4": engine.Minor, "p4": engine.Minor, "5": engine.Minor, "sev5": engine.Minor, "p5": engine.Minor,
	"warning": engine.Minor, "warn": engine.Minor, "minor": engine.Minor, "medium": engine.Minor, "low": engine.Minor,
	"lowest": engine.Minor, "info": engine.Minor, "information": engine.Minor, "informational": engine.Minor,
	"notice": engine.Minor, "none": engine.Minor, "debug": engine.Minor,
}

// severityOf reads a source's word for a severity. known is false when it is not in the table; the
// severity is major then.
func severityOf(word string) (s engine.Severity, known bool) {
	if n, err := strconv.ParseFloat(strings.TrimSpace(word), 64); err == nil {
		word = strconv.FormatFloat(n, 'f', -1, 64) // 1.0 is 1
	} else {
		word = foldName(word)
	}
	if s, known = severities[word]; known {
		return s, true
	}
	return engine.Major, false
}
