package notifiers

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const tens = "1234567890"

// The vectors of Twilio's segment calculator (github.com/TwilioDevEd/message-segment-calculator, tests), and of
// where a character of two units would be parted.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		what, text string
		gsm        bool
		units      int
		segments   []int // characters in each
	}{
		{"GSM with an escape in one segment", "{" + strings.Repeat(tens, 16)[1:159], true, 160, []int{159}},
		{"GSM with an escape in two", "{" + strings.Repeat(tens, 16)[1:160], true, 161, []int{152, 8}},
		{"GSM, one character in the third", strings.Repeat(tens, 30) + "1234567", true, 307, []int{153, 153, 1}},
		{"UCS-2 in one segment", "😜" + strings.Repeat(tens, 7)[1:69], false, 70, []int{69}},
		{"UCS-2 in two", "😜" + strings.Repeat(tens, 7)[1:70], false, 71, []int{66, 4}},
		{"UCS-2, one character in the third", "😜" + strings.Repeat(tens, 14)[1:134], false, 135, []int{66, 67, 1}},
		{"an escape is not parted", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 20), true, 174, []int{152, 21}},
		{"nor is a surrogate pair", strings.Repeat("я", 66) + "😜" + strings.Repeat("я", 20), false, 88, []int{66, 21}},
		{"pairs alone leave a unit of each segment empty", strings.Repeat("😜", 100), false, 200, []int{33, 33, 33, 1}},
		{"escapes alone likewise", strings.Repeat("[", 153), true, 306, []int{76, 76, 1}},
		{"nothing", "", true, 0, []int{0}},
	} {
		if IsGSM(c.text) != c.gsm || Units(c.text) != c.units {
			t.Errorf("%s: GSM %t, %d units; want %t, %d", c.what, IsGSM(c.text), Units(c.text), c.gsm, c.units)
		}
		all := Split(c.text)
		if strings.Join(all, "") != c.text || len(all) != len(c.segments) || Segments(c.text) != len(c.segments) {
			t.Errorf("%s: %d segments, want %d", c.what, len(all), len(c.segments))
			continue
		}
		for i, want := range c.segments {
			if got := utf8.RuneCountInString(all[i]); got != want {
				t.Errorf("%s: segment %d has %d characters, want %d", c.what, i+1, got, want)
			}
		}
	}
}

// Three segments are what a long text is cut to, also where each has a unit left empty.
func TestFirstSegmentsKeepPairsTogether(t *testing.T) {
	text := first(strings.Repeat("😜", 200), maxSegments)
	if n := utf8.RuneCountInString(text); n != 99 || Segments(text) != 3 {
		t.Errorf("%d characters in %d segments", n, Segments(text))
	}
	if text := first(strings.Repeat("👩‍🚒", 60), maxSegments); !strings.HasSuffix(text, "👩‍🚒") || Segments(text) > 3 {
		t.Errorf("it ends in %q", text[len(text)-20:])
	}
}

func TestForcing(t *testing.T) {
	if got := strings.Join(Forcing("Größe ç “ç” 😜 €"), " "); got != "ç “ ” 😜" {
		t.Errorf("got %s", got)
	}
}
