package notifiers

import (
	"context"
	"fmt"
)

// Post is what a channel of a chat shows of an incident. It is written again, in its place, whenever that
// changes.
type Post struct {
	Key      string
	Severity int
	Summary  string
	Service  string
	Over     bool     // resolved
	Lines    []string // how it stands: who has it, who is paged
	Language string

	Ack, Decline string // labels of the buttons; "" leaves one out
}

// Title is the post's first line: key, severity, summary.
func (p Post) Title() string {
	return PushTitle(Message{Key: p.Key, Severity: p.Severity, Summary: p.Summary, Language: p.Language})
}

// About is the rest of it, a line each.
func (p Post) About() []string {
	var lines []string
	if service := clean(p.Service); service != "" {
		lines = append(lines, fmt.Sprintf(wordsIn(p.Language).service, shorten(service, 60)))
	}
	for _, line := range p.Lines {
		if line = clean(line); line != "" {
			lines = append(lines, shorten(line, maxPostLine))
		}
	}
	if len(lines) > maxPostLines {
		lines = append(lines[:maxPostLines-1], "...")
	}
	return lines
}

const (
	maxPostLines = 20
	maxPostLine  = 300 // runes
)

// Poster is a chat. A Ref names a post, for as long as the chat keeps it.
type Poster interface {
	// Post writes a new one into a channel. After an Unknown failure it may be there or not.
	Post(ctx context.Context, channel string, p Post) (ref string, err error)
	// Update writes it again in its place. A Final failure with Gone says that it is not there any more.
	Update(ctx context.Context, ref string, p Post) error
}

// Pressed is a button of a post that somebody pressed.
type Pressed struct {
	Key     string // of the incident
	Decline bool   // else acknowledge
	User    string // the chat's id of who pressed
	Name    string // what the chat calls them
	Event   string // unique to the press
	Reply   string // an address for what is shown to who pressed only; "" if the chat takes that as its answer
}
