package main

import (
	"strings"
	"testing"
)

// Broken wording pages all the same: it makes no node unready.
func TestWordingFindingWarns(t *testing.T) {
	if f := wordingFinding(nil); f.Status != pass {
		t.Errorf("%+v", f)
	}
	if f := wordingFinding([]string{"de/sms/page, text: line 1: no"}); f.Status != warn || !strings.Contains(f.Text, "de/sms/page") || !strings.Contains(f.Text, "rouse template preview") {
		t.Errorf("%+v", f)
	}
}
