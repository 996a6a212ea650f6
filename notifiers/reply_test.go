package notifiers

import "testing"

func TestParseReply(t *testing.T) {
	for text, want := range map[string]Reply{
		"482913":               {Acknowledge, "482913"},
		" 482913 \n":           {Acknowledge, "482913"},
		"482913 ack":           {Acknowledge, "482913"},
		"ack 482913":           {Acknowledge, "482913"},
		"ACK 482913.":          {Acknowledge, "482913"},
		"Ok, 482913!":          {Acknowledge, "482913"},
		"#482913":              {Acknowledge, "482913"},
		"<482913>":             {Acknowledge, "482913"},
		"(482913)":             {Acknowledge, "482913"},
		"４８２９１３":               {Acknowledge, "482913"},
		"ＡＣＫ　４８２９１３":           {Acknowledge, "482913"},
		"٤٨٢٩١٣":               {Acknowledge, "482913"},
		"482913 482913":        {Acknowledge, "482913"},
		"\u200e482913\ufeff":   {Acknowledge, "482913"},
		"482913 👍🏽":            {Acknowledge, "482913"},
		"482913 please":        {Acknowledge, "482913"},
		"yes 482913, thanks":   {Acknowledge, "482913"},
		"ok":                   {Acknowledge, ""},
		"Ack":                  {Acknowledge, ""},
		"👍":                    {Acknowledge, ""},
		"Übernehme":            {Acknowledge, ""},
		"482913 no":            {Decline, "482913"},
		"no 482913":            {Decline, "482913"},
		`"482913 no"`:          {Decline, "482913"},
		"'482913 no'":          {Decline, "482913"},
		"„482913 nein“":        {Decline, "482913"},
		"decline 482913":       {Decline, "482913"},
		"No, no! 482913":       {Decline, "482913"},
		"482913 👎":             {Decline, "482913"},
		"nein":                 {Decline, ""},
		"help":                 {Help, ""},
		"HELP!":                {Help, ""},
		"?":                    {Help, ""},
		"Hilfe":                {Help, ""},
		"":                     {Unclear, ""},
		" .,!":                 {Unclear, ""},
		"thanks":               {Unclear, ""},
		"ack 482913 or 777777": {Unclear, ""},
		"482913 777777":        {Unclear, ""},
		"482913/777777":        {Unclear, ""},
		"don't ack 482913":     {Unclear, ""},
		"don’t ack 482913":     {Unclear, ""},
		"do not ack 482913":    {Unclear, ""},
		"not 482913":           {Unclear, ""},
		"never ok":             {Unclear, ""},
		"no ack 482913":        {Unclear, ""},
		"ok no":                {Unclear, ""},
		"482913?":              {Unclear, ""},
		"ack?":                 {Unclear, ""},
		"who has 482913":       {Unclear, ""},
		"help 482913":          {Unclear, ""},
		"482913 🚫":             {Unclear, ""},
		"482913 🤔":             {Unclear, ""},
		"482 913":              {Unclear, ""},
		"48291":                {Acknowledge, "48291"}, // whether it exists is the caller's to know
		"123":                  {Unclear, ""},
		"123456789":            {Unclear, ""},
		"1":                    {Unclear, ""},
		"-482913":              {Acknowledge, "482913"},
		"+482913":              {Unclear, ""},
		"4.82913":              {Unclear, ""},
		"482913no":             {Unclear, ""},
		"ack482913":            {Unclear, ""},
		"STOP":                 {Unclear, ""},
		`Liked “HOT-1 SEV1 Disk full on db1. Reply 482913 to acknowledge, "482913 no" to decline.”`: {Unclear, ""},
		"I am driving, back at 1830": {Unclear, ""},
		"ok but 482913 is not mine":  {Unclear, ""},
	} {
		if got := ParseReply(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

// Whatever is put around it, a word that is not known never leaves an acknowledgement.
func FuzzParseReply(f *testing.F) {
	f.Add("ack 482913")
	f.Add("don't ack 482913")
	f.Fuzz(func(t *testing.T, text string) {
		if got := ParseReply(text + " unless"); got.Answer == Acknowledge {
			t.Errorf("%q is %+v", text+" unless", got)
		}
		if got := ParseReply(text); got.Answer == Unclear && got.Code != "" {
			t.Errorf("%q is unclear with code %q", text, got.Code)
		}
	})
}
