package callbacks

import (
	"context"
	"net/http"
	"testing"
)

// heard is what became of texts, as the engine would do it.
type heard struct {
	stopped map[string]bool
	asked   []string
}

func (o *heard) OptOut(_ context.Context, number string) (bool, error) {
	o.asked = append(o.asked, "stop "+number)
	ended := !o.stopped[number]
	o.stopped[number] = true
	return ended, nil
}

func (o *heard) OptIn(_ context.Context, number string) (bool, error) {
	o.asked = append(o.asked, "start "+number)
	revived := o.stopped[number]
	delete(o.stopped, number)
	return revived, nil
}

func TestStopAndStartAreCarriedOut(t *testing.T) {
	d := newDesk(t)
	said := &heard{stopped: map[string]bool{}}
	d.h.optOuts = said
	wantText(t, d.text(annNumber, " Stop. ", textSID), http.StatusOK, "No more texts of Rouse go to this number. Reply START")
	wantText(t, d.text(annNumber, "START", textSID), http.StatusOK, "Texts of Rouse go to this number again.")
	wantText(t, d.text(annNumber, "unstop", textSID), http.StatusOK, "No texts to this number had been stopped.")
	if len(said.asked) != 3 || said.asked[0] != "stop "+annNumber || said.asked[2] != "start "+annNumber {
		t.Errorf("asked for %q", said.asked)
	}
	d.text(annNumber, "yes", textSID)
	d.text(annNumber, "stop paging me, bob has it", textSID)
	if len(said.asked) != 3 {
		t.Errorf("YES, or a sentence, did %q", said.asked)
	}
}
