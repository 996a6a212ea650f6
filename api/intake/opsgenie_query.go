package intake

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rouse/engine"
	"rouse/engine/enginedb"
)

const maxOpsgenieQuery = 1000 // bytes, as of Opsgenie

const opsgenieQueries = "Understood are status:open, closed, acked or unacked, acknowledged:true or false, priority:P1 to P5, alias:…, tag:…, " +
	"tinyId:… or alertId:…, message: and words, and createdAt with : < <= > >= and milliseconds since 1970, joined by AND"

// parseOpsgenieQuery reads the part of Opsgenie's search language that is understood here into a filter:
// conditions, of a field, an operator and a value, that all have to hold. What is not understood is refused,
// as leaving it out would answer another question.
func parseOpsgenieQuery(query string, f *enginedb.SenderFilter) error {
	if len(query) > maxOpsgenieQuery {
		return fmt.Errorf("is longer than %d bytes", maxOpsgenieQuery)
	}
	q := opsgenieQuery{rest: query, filter: f, seen: map[string]bool{}}
	for first := true; ; first = false {
		word, quoted := q.word()
		if word == "" && !quoted {
			if q.rest != "" {
				return q.odd(q.rest)
			}
			return nil
		}
		if !first && !quoted && strings.EqualFold(word, "AND") {
			if word, quoted = q.word(); word == "" {
				return errors.New("ends in AND. " + opsgenieQueries)
			}
		}
		if quoted {
			return q.odd(word)
		}
		if err := q.condition(word); err != nil {
			return err
		}
	}
}

// opsgenieQuery is a query that is being read.
type opsgenieQuery struct {
	rest   string
	filter *enginedb.SenderFilter
	seen   map[string]bool // the fields that can be asked for once
}

func (q *opsgenieQuery) odd(what string) error {
	return fmt.Errorf("holds %q, which is not understood. %s", cut(what, 100), opsgenieQueries)
}

// word takes a word, or what stands between quotes. It is "" at the end, and before an operator or a bracket.
func (q *opsgenieQuery) word() (word string, quoted bool) {
	q.rest = strings.TrimLeftFunc(q.rest, unicode.IsSpace)
	return q.until(func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`:=<>()"'`, r) })
}

func (q *opsgenieQuery) until(end func(rune) bool) (word string, quoted bool) {
	if q.rest != "" && (q.rest[0] == '"' || q.rest[0] == '\'') {
		if inside, after, closed := strings.Cut(q.rest[1:], q.rest[:1]); closed {
			q.rest = after
			return inside, true
		}
	}
	i := strings.IndexFunc(q.rest, end)
	if i < 0 {
		i = len(q.rest)
	}
	word, q.rest = q.rest[:i], q.rest[i:]
	return word, false
}

// operator takes an operator, "" if there is none.
func (q *opsgenieQuery) operator() string {
	q.rest = strings.TrimLeftFunc(q.rest, unicode.IsSpace)
	for _, op := range []string{"<=", ">=", "<", ">", ":", "="} {
		if after, ok := strings.CutPrefix(q.rest, op); ok {
			q.rest = after
			return op
		}
	}
	return ""
}

// value takes what stands behind an operator: a word that may hold anything but blanks, or what is in quotes.
func (q *opsgenieQuery) value() (value string, quoted bool) {
	q.rest = strings.TrimLeftFunc(q.rest, unicode.IsSpace)
	return q.until(unicode.IsSpace)
}

func (q *opsgenieQuery) condition(field string) error {
	op := q.operator()
	value, quoted := q.value()
	name := strings.ToLower(field)
	switch {
	case op == "" || value == "":
		return q.odd(field)
	case !quoted && strings.ContainsAny(value, "()*") && name != "alias":
		return q.odd(field + op + value)
	case name == "createdat":
		return q.created(op, value)
	case op != ":" && op != "=":
		return q.odd(field + op + value)
	case name == "message":
		q.message(value)
		return nil
	case name == "tag" || name == "tags":
		q.filter.Told = append(q.filter.Told, opsgenieTag+storable(value))
		return nil
	case q.seen[name]:
		return fmt.Errorf("asks for %s twice", field)
	}
	q.seen[name] = true
	if !q.one(name, value) {
		return q.odd(field + op + value)
	}
	return nil
}

// one reads a condition on a field that has one value.
func (q *opsgenieQuery) one(name, value string) bool {
	f := q.filter
	switch name {
	case "status":
		return q.status(strings.ToLower(value))
	case "acknowledged":
		return q.flag(&f.Acknowledged, value)
	case "priority":
		return q.priority(strings.ToLower(value))
	case "alias":
		f.DedupKey = dedupKey(opsgenieAlias(value))
		return f.DedupKey != ""
	case "tinyid", "alertid", "id":
		f.Key = engine.Key(strings.ToUpper(storable(value)))
		return f.Key != ""
	}
	return false
}

func (q *opsgenieQuery) flag(flag **bool, value string) bool {
	is, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil || *flag != nil && **flag != is {
		return false
	}
	*flag = &is
	return true
}

func (q *opsgenieQuery) status(value string) bool {
	switch value {
	case "open":
		return q.flag(&q.filter.Open, "true")
	case "closed":
		return q.flag(&q.filter.Open, "false")
	case "acked":
		return q.flag(&q.filter.Open, "true") && q.flag(&q.filter.Acknowledged, "true")
	case "unacked":
		return q.flag(&q.filter.Open, "true") && q.flag(&q.filter.Acknowledged, "false")
	}
	return false
}

// priority asks as opsgeniePriority tells: P4 and P5 are severity 3, and so is P3.
func (q *opsgenieQuery) priority(value string) bool {
	f := q.filter
	switch value {
	case "p1", "p2":
		f.Severity, _ = severityOf(value)
	case "p3":
		f.Severity, f.OtherWords = engine.Minor, []string{"p4", "p5"}
	case "p4", "p5":
		f.Severity, f.Words = engine.Minor, []string{value}
	default:
		return false
	}
	return true
}

// message takes the words that follow as well, up to the next condition.
func (q *opsgenieQuery) message(value string) {
	for {
		q.filter.Said = append(q.filter.Said, storable(value))
		before := q.rest
		var quoted bool
		if value, quoted = q.word(); value == "" || quoted || strings.EqualFold(value, "AND") || strings.EqualFold(value, "OR") || strings.EqualFold(value, "NOT") {
			q.rest = before
			return
		}
		if after := strings.TrimLeftFunc(q.rest, unicode.IsSpace); after != "" && strings.ContainsRune(":=<>()", rune(after[0])) {
			q.rest = before
			return
		}
	}
}

// created narrows the time of the opening. Opsgenie's times are whole milliseconds.
func (q *opsgenieQuery) created(op, value string) error {
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil || ms < 0 || ms >= opsgenieLastMilli {
		return q.odd("createdAt" + op + value)
	}
	at, next := time.UnixMilli(ms).UTC(), time.UnixMilli(ms+1).UTC()
	f := q.filter
	from := func(t time.Time) {
		if t.After(f.From) {
			f.From = t
		}
	}
	to := func(t time.Time) {
		if f.To.IsZero() || t.Before(f.To) {
			f.To = t
		}
	}
	switch op {
	case ">":
		from(next)
	case ">=":
		from(at)
	case "<":
		to(at)
	case "<=":
		to(next)
	default:
		from(at)
		to(next)
	}
	return nil
}
