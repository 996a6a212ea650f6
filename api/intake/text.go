package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rouse/engine"
)

// What is kept of an alert. What is longer is cut, and stands whole in its Raw as far as that goes.
const (
	maxSummary = 500      // runes
	maxDetails = 64 << 10 // bytes
	maxRaw     = maxBody  // bytes
	maxDedup   = 512      // bytes: more is hashed, an index entry has room for 2.7 kB
	maxLinks   = 20
	maxHref    = 2000 // bytes
	maxDepth   = 32   // of brackets within brackets

	maxIndented = 4 << 10 // bytes of a JSON value that are made readable: blanks take up to 64 times as many
)

// textOf is any JSON value as text: a string as it is, other values as JSON. null is "".
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return storable(v)
	case json.Number:
		return v.String()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("intake: a decoded JSON value does not encode: " + err.Error())
	}
	compact := bytes.TrimRight(b.Bytes(), "\n")
	if len(compact) > maxIndented {
		return storable(string(compact))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		panic("intake: encoded JSON is none: " + err.Error())
	}
	return storable(indented.String())
}

// storable drops what Postgres cannot store in a text: NUL, and bytes that are not UTF-8.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// oneLine makes a summary of a text: one line, without control characters, of at most maxSummary runes.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, storable(s))
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxSummary {
		s = string([]rune(s)[:maxSummary-1]) + "…"
	}
	return s
}

// cut is the beginning of s, of at most so many bytes and of whole runes.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	limit -= len(mark)
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + mark
}

// cutRaw is the beginning of a request.
func cutRaw(b []byte) []byte { return bytes.Clone(b[:min(len(b), maxRaw)]) }

// dedupKey is a sender's key as Rouse keeps it: a long one is hashed.
func dedupKey(s string) string {
	if s = storable(s); len(s) <= maxDedup {
		return s
	}
	return hash([]byte(s))
}

// hash is the SHA-256 of b in hex.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// foldName makes one of the ways in which a word may be written: "dedup_key", "dedupKey", "Dedup-Key".
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// serviceOf is the slug of a service as a sender names it: "Bitbucket Cloud" is "bitbucket-cloud".
func serviceOf(name string) engine.ServiceID {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	slug := b.String()
	return engine.ServiceID(strings.Trim(slug[:min(len(slug), 63)], "-"))
}

// links gathers links; what cannot be opened from a web page safely is no link.
type links []engine.Link

// add adds a link unless it is there already. It says whether href is one.
func (l *links) add(href, text string) bool {
	href = strings.TrimSpace(storable(href))
	if len(href) > maxHref {
		return false
	}
	u, err := url.Parse(href)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return false
	}
	for _, have := range *l {
		if have.Href == href {
			return true
		}
	}
	if len(*l) >= maxLinks {
		return false
	}
	*l = append(*l, engine.Link{Href: href, Text: oneLine(text)})
	return true
}

// first is the first of texts that is not blank.
func first(texts ...string) string {
	for _, t := range texts {
		if strings.ContainsFunc(t, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.IsControl(r) }) {
			return t
		}
	}
	return ""
}

// describe writes one line per entry, sorted by name, of at most limit entries.
func describe(m map[string]string, between string, limit int) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if len(lines) == limit {
			lines = append(lines, fmt.Sprintf("… and %d more", len(m)-limit))
			break
		}
		lines = append(lines, name+between+m[name])
	}
	return strings.Join(lines, "\n")
}

// joinBlocks parts the blocks that are not empty by a blank line.
func joinBlocks(blocks ...string) string {
	return strings.Join(slices.DeleteFunc(blocks, func(b string) bool { return b == "" }), "\n\n")
}
