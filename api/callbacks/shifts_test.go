package callbacks

import (
	"context"
	"fmt"
	"html"
	"strings"
	"testing"

	"rouse/api/shifts"
)

// fakeShifts asks for the code 4829137 and knows no other.
type fakeShifts struct {
	pending, hangs bool
	asked, done    []string
}

func (f *fakeShifts) Ask(_ context.Context, _, text string) (string, error) {
	f.asked = append(f.asked, text)
	if !strings.HasPrefix(text, "take") {
		return "", shifts.ErrUnknown
	}
	return "Take web? Reply 4829137", nil
}

func (f *fakeShifts) Answer(_ context.Context, number, code string, no bool) (string, error) {
	if number != annNumber || code != "4829137" {
		return "", shifts.ErrUnknown
	}
	f.done = append(f.done, code)
	if no {
		return "Nothing is changed.", nil
	}
	return "Done.", nil
}

func (f *fakeShifts) Pending(ctx context.Context, _ string) (bool, error) {
	if f.hangs {
		<-ctx.Done()
		return true, ctx.Err()
	}
	return f.pending, nil
}

func TestTextsAboutShifts(t *testing.T) {
	for _, test := range []struct {
		name, text, says string
		pending          bool
		done             int
		effects          int // on pages
	}{
		{"a text that asks for a shift", "take web until 18:00", "Take web? Reply 4829137", false, 0, 0},
		{"its code", "4829137", "Done.", true, 1, 0},
		{"its code, and no", "4829137 no", "Nothing is changed.", true, 1, 0},
		{"another code", "4829138", "not understood", true, 0, 0},
		{"the code of a page", code, "Acknowledged", true, 0, 1},
		{"a bare word while a code is waited for", "ok", "Which one?", true, 0, 0},
		{"something else", "hello", "not understood", false, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			desk := &fakeShifts{pending: test.pending}
			d := newDesk(t)
			d.h.shifts = desk
			said := html.UnescapeString(d.text(annNumber, test.text, textSID).Body.String())
			if !strings.Contains(said, test.says) || len(desk.done) != test.done || len(d.effects) != test.effects {
				t.Errorf("%q is answered %q; done %v, pages %v", test.text, said, desk.done, d.effects)
			}
		})
	}
}

// The answer to a page does not wait for shifts.
func TestShiftsThatHangKeepNoAnswerBack(t *testing.T) {
	d := newDesk(t)
	d.h.shifts = &fakeShifts{hangs: true}
	d.text(annNumber, "ok", textSID)
	if d.calls == 0 {
		t.Error("the page was not answered")
	}
}

// Whoever texts without end is asked nothing any more, and no wish comes of it.
func TestTextsAboutShiftsAreCounted(t *testing.T) {
	desk := &fakeShifts{}
	d := newDesk(t)
	d.h.shifts = desk
	for i := range maxReplies + 5 {
		d.text(annNumber, "take web for 2h", fmt.Sprintf("SM%032d", i))
	}
	if len(desk.asked) != maxReplies {
		t.Errorf("%d of %d texts were taken in, want %d", len(desk.asked), maxReplies+5, maxReplies)
	}
}
