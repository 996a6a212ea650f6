package notifiers

import (
	"reflect"
	"testing"
)

func TestParseReply(t *testing.T) {
	for text, want := range map[string]Reply{
		"482913":               {Answer: Acknowledge, Code: "482913"},
		" 482913 \n":           {Answer: Acknowledge, Code: "482913"},
		"482913 ack":           {Answer: Acknowledge, Code: "482913"},
		"ack 482913":           {Answer: Acknowledge, Code: "482913"},
		"ACK 482913.":          {Answer: Acknowledge, Code: "482913"},
		"Ok, 482913!":          {Answer: Acknowledge, Code: "482913"},
		"#482913":              {Answer: Acknowledge, Code: "482913"},
		"<482913>":             {Answer: Acknowledge, Code: "482913"},
		"(482913)":             {Answer: Acknowledge, Code: "482913"},
		"４８２９１３":               {Answer: Acknowledge, Code: "482913"},
		"ＡＣＫ　４８２９１３":           {Answer: Acknowledge, Code: "482913"},
		"٤٨٢٩١٣":               {Answer: Acknowledge, Code: "482913"},
		"482913 482913":        {Answer: Acknowledge, Code: "482913"},
		"\u200e482913\ufeff":   {Answer: Acknowledge, Code: "482913"},
		"482913 👍🏽":            {Answer: Acknowledge, Code: "482913"},
		"482913 please":        {Answer: Acknowledge, Code: "482913"},
		"yes 482913, thanks":   {Answer: Acknowledge, Code: "482913"},
		"ok":                   {Answer: Acknowledge},
		"Ack":                  {Answer: Acknowledge},
		"👍":                    {Answer: Acknowledge},
		"Übernehme":            {Answer: Acknowledge},
		"482913 no":            {Answer: Decline, Code: "482913"},
		"no 482913":            {Answer: Decline, Code: "482913"},
		`"482913 no"`:          {Answer: Decline, Code: "482913"},
		"'482913 no'":          {Answer: Decline, Code: "482913"},
		"„482913 nein“":        {Answer: Decline, Code: "482913"},
		"decline 482913":       {Answer: Decline, Code: "482913"},
		"No, no! 482913":       {Answer: Decline, Code: "482913"},
		"482913 👎":             {Answer: Decline, Code: "482913"},
		"nein":                 {Answer: Decline},
		"help":                 {Answer: Help},
		"HELP!":                {Answer: Help},
		"?":                    {Answer: Help},
		"Hilfe":                {Answer: Help},
		"":                     {Answer: Unclear},
		" .,!":                 {Answer: Unclear},
		"thanks":               {Answer: Unclear},
		"ack 482913 or 777777": {Answer: Unclear},
		"482913 777777":        {Answer: Unclear},
		"482913/777777":        {Answer: Unclear},
		"don't ack 482913":     {Answer: Unclear},
		"don’t ack 482913":     {Answer: Unclear},
		"do not ack 482913":    {Answer: Unclear},
		"not 482913":           {Answer: Unclear},
		"never ok":             {Answer: Unclear},
		"no ack 482913":        {Answer: Unclear},
		"ok no":                {Answer: Unclear},
		"482913?":              {Answer: Unclear},
		"ack?":                 {Answer: Unclear},
		"who has 482913":       {Answer: Unclear},
		"help 482913":          {Answer: Unclear},
		"482913 🚫":             {Answer: Unclear},
		"482913 🤔":             {Answer: Unclear},
		"482 913":              {Answer: Unclear},
		"48291":                {Answer: Acknowledge, Code: "48291"}, // whether it exists is the caller's to know
		"123":                  {Answer: Unclear},
		"123456789":            {Answer: Unclear},
		"1":                    {Answer: Unclear},
		"-482913":              {Answer: Acknowledge, Code: "482913"},
		"+482913":              {Answer: Unclear},
		"4.82913":              {Answer: Unclear},
		"482913no":             {Answer: Unclear},
		"ack482913":            {Answer: Unclear},
		"STOP":                 {Answer: Unclear},
		`Liked “HOT-1 SEV1 Disk full on db1. Reply 482913 to acknowledge, "482913 no" to decline.”`: {Answer: Unclear},
		"I am driving, back at 1830": {Answer: Unclear},
		"ok but 482913 is not mine":  {Answer: Unclear},
	} {
		if got := ParseReply(text); !reflect.DeepEqual(got, want) {
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

// Incidents are named by key, in whatever spelling; a number of 4 to 8 digits is a code first.
func TestParseReplyWithKeys(t *testing.T) {
	keys := func(a Answer, keys ...string) Reply { return Reply{Answer: a, Keys: keys} }
	for text, want := range map[string]Reply{
		"ack HOT-12":               keys(Acknowledge, "HOT-12"),
		"Ack hot-12.":              keys(Acknowledge, "HOT-12"),
		"ack hot 12":               keys(Acknowledge, "HOT-12"),
		"ok HOT-1234":              keys(Acknowledge, "HOT-1234"),
		"HOT-12 ack":               keys(Acknowledge, "HOT-12"),
		"decline HOT-12":           keys(Decline, "HOT-12"),
		"HOT-12 nein":              keys(Decline, "HOT-12"),
		"ack HOT-12 OPS-7":         keys(Acknowledge, "HOT-12", "OPS-7"),
		"ack HOT-12, and HOT-13":   keys(Acknowledge, "HOT-12", "HOT-13"),
		"ack HOT-12 hot 12":        keys(Acknowledge, "HOT-12"),
		"ack 12":                   keys(Acknowledge, "12"),
		"ack 12 13":                keys(Acknowledge, "12", "13"),
		"no 12":                    keys(Decline, "12"),
		"ack 123456789":            keys(Acknowledge, "123456789"),
		"ack 1234":                 {Answer: Acknowledge, Code: "1234"},
		"ack HOT-12 482913":        {Answer: Acknowledge, Code: "482913", Keys: []string{"HOT-12"}},
		"ack all":                  {Answer: Acknowledge, All: true},
		"ACK ALL!":                 {Answer: Acknowledge, All: true},
		"nein alle":                {Answer: Decline, All: true},
		"ack all 482913":           {Answer: Acknowledge, Code: "482913", All: true},
		"HOT-12":                   {Answer: Unclear},
		"all":                      {Answer: Unclear},
		"all ok":                   {Answer: Unclear},
		"ack all but 12":           {Answer: Unclear},
		"ack all HOT-12":           {Answer: Unclear},
		"ack HOT-12 or HOT-13":     {Answer: Unclear},
		"ack 12 or 13":             {Answer: Unclear},
		"ack not 12":               {Answer: Unclear},
		"ok in 10":                 {Answer: Unclear},
		"ok in 10 minutes":         {Answer: Unclear},
		"ack HOT-12?":              {Answer: Unclear},
		"help HOT-12":              {Answer: Unclear},
		"ack hot":                  {Answer: Unclear},
		"ack hot12":                {Answer: Unclear},
		"ack HOT-12 482913 777777": {Answer: Unclear},
		`Liked "HOT-12"`:           {Answer: Unclear},
	} {
		if got := ParseReply(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}
