package twilio_test

import (
	"flag"
	"os"
	"testing"

	"rouse/notifiers/twilio"
)

var update = flag.Bool("update", false, "rewrite testdata/*.xml")

// The documents as Twilio gets them, markup in texts and all.
func TestTwiML(t *testing.T) {
	tw := account(t, public, token)
	m := page("n/1")
	m.Summary = `<Hangup/> & "db1"`
	for name, got := range map[string][]byte{
		"prompt": tw.Prompt(m),
		"again":  tw.PromptAgain("That was not understood.", m),
		"speak":  twilio.Speak("de", "Übernommen."),
		"text":   twilio.Text(`a < b & "c"`),
		"silent": twilio.Text(""),
	} {
		file := "testdata/" + name + ".xml"
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
}
