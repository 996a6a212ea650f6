package spool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

func TestAnAlertComesBackAsItWas(t *testing.T) {
	want := record{Received: time.Now()}
	fill(reflect.ValueOf(&want.Alert).Elem())
	want.Alert.Summary, want.Alert.Raw = "a <b> & \u2028 \x00 \"c\" \\", []byte{0, 0xF5, 'r', 'e', 'c', 0xFF}
	want.Alert.Severity = engine.Major
	g, _ := written(t, want)
	got := readAll(t, g)
	if len(got) != 1 {
		t.Fatalf("%d records come back", len(got))
	}
	if !got[0].Received.Equal(want.Received) || !got[0].Alert.At.Equal(want.Alert.At) || !got[0].Alert.Until.Equal(want.Alert.Until) {
		t.Errorf("the times are %v, %v, %v", got[0].Received, got[0].Alert.At, got[0].Alert.Until)
	}
	got[0].Received, got[0].Alert.At, got[0].Alert.Until = want.Received, want.Alert.At, want.Alert.Until
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
}

// fill gives everything a value that is not zero, so that a field which is new is seen here.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 21, 14, 3, 7, 123456789, time.FixedZone("", -5*3600))))
		return
	case []byte:
		v.Set(reflect.ValueOf([]byte("raw")))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"host", "tag:db"} {
			x := reflect.New(v.Type().Elem()).Elem()
			fill(x)
			v.SetMapIndex(reflect.ValueOf(name), x)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("how is a " + v.Kind().String() + " filled?")
	}
}

// An alert that was kept by an earlier version is read by this one: the names of the fields are the format.
func TestARecordOfAnEarlierVersionIsRead(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got record
	reads := json.NewDecoder(bytes.NewReader(text))
	reads.DisallowUnknownFields()
	if err := reads.Decode(&got); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 14, 3, 7, 0, time.UTC)
	want := record{Received: at, Alert: engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical, Word: "P1", Summary: "Pushes fail",
		DedupKey: "pushes", Key: "HOT-7", Details: "since noon", Links: []engine.Link{{Href: "https://example.com/d", Text: "dashboard"}},
		Labels: map[string]string{"host": "db-1", "tag:db": ""}, By: "ann", Note: "n", Until: at, Responders: []engine.Responder{{Kind: "user", Name: "bob"}},
		Once: "evt-1", Source: "alerts", At: at, Raw: []byte(`{"summary":"Pushes fail"}`)}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatJSONCannotSay(t *testing.T) {
	odd := time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := record{Received: time.Now(), Alert: trouble(1)}
	r.Alert.At, r.Alert.Until = odd, odd
	r.Alert.Raw = bytes.Repeat([]byte{0xFF}, 1<<20)
	r.Alert.Details = "\xff\xf5rec\xfe"
	g, _ := written(t, r)
	got := readAll(t, g)
	if len(got) != 1 || !got[0].Alert.At.IsZero() || !got[0].Alert.Until.IsZero() || len(got[0].Alert.Raw) != maxRaw || got[0].Alert.Summary != r.Alert.Summary {
		t.Errorf("got %d records", len(got))
	}
	r.Alert.Details = strings.Repeat("x", maxRecord)
	if _, err := r.frame(); err == nil || !strings.Contains(err.Error(), "too large for the spool, which takes 4194304") {
		t.Errorf("got %v", err)
	}
}

// A process can die at any byte of what it is writing. Nobody was told that the last record is kept unless
// all of it is there.
func TestATornEndAtEveryByte(t *testing.T) {
	_, whole := written(t, recordsOf(0, 4)...)
	ends := endsOf(whole)
	zeros := make([]byte, 3*page) // as some file systems leave the end
	for size := 0; size <= len(whole); size++ {
		for _, torn := range [][]byte{whole[:size], slices.Concat(whole[:size], zeros)} {
			got := surveyOf(bytes.NewReader(torn), int64(len(torn)))
			want := survey{first: int64(len(segmentHead))}
			if size < len(segmentHead) {
				want.first = 0
			}
			want.end = want.first
			for _, end := range ends {
				if size >= end {
					want.count, want.end = want.count+1, int64(end)
				}
			}
			if got != want {
				t.Fatalf("%d bytes, then %d zeros: got %+v, want %+v", size, len(torn)-size, got, want)
			}
		}
	}
}

func TestATornEndIsCutOff(t *testing.T) {
	_, whole := written(t, recordsOf(0, 4)...)
	ends := endsOf(whole)
	for size := 0; size <= len(whole); size += 97 {
		want := 0
		for want < len(ends) && size >= ends[want] {
			want++
		}
		n := newNode(t)
		n.stop()
		path := putSegment(t, n.cfg.Dir, 1, whole[:size])
		for range 2 { // the second time it is whole
			n = n.again()
			info, err := os.Stat(path)
			switch {
			case n.State().Alerts != want:
				t.Errorf("of %d bytes: %d alerts, want %d", size, n.State().Alerts, want)
			case want == 0 && !os.IsNotExist(err):
				t.Errorf("of %d bytes an empty file is left: %v", size, err)
			case want > 0 && (err != nil || info.Size() != int64(ends[want-1])):
				t.Errorf("of %d bytes: %v, %v", size, info, err)
			}
		}
		n.start().becomes(direct)
		if got := n.db.summaries(); !slices.Equal(sorted(got), summariesOf(0, want)) {
			t.Errorf("of %d bytes: stored is %q", size, got)
		}
	}
}

// Damage costs the record that it is in, and no other; it is never taken for one.
func TestDamageAtEveryByte(t *testing.T) {
	const records = 3
	_, whole := written(t, recordsOf(0, records)...)
	ends := endsOf(whole)
	for at := range whole {
		for flip := range 8 {
			broken := slices.Clone(whole)
			broken[at] ^= 1 << flip
			var got []string
			for from := int64(0); ; {
				text, begins := nextRecord(bytes.NewReader(broken), from, int64(len(broken)))
				if text == nil {
					break
				}
				var r record
				if err := json.Unmarshal(text, &r); err != nil {
					t.Fatalf("byte %d, bit %d: %v", at, flip, err)
				}
				got, from = append(got, r.Alert.Summary), begins+recordHead+int64(len(text))
			}
			want := summariesOf(0, records)
			if at >= len(segmentHead) {
				hit := slices.IndexFunc(ends, func(end int) bool { return at < end })
				want = slices.Delete(want, hit, hit+1)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("byte %d, bit %d: read is %q, want %q", at, flip, got, want)
			}
		}
	}
}

// As when a page in the middle was lost, or the file carried somebody else's bytes.
func TestDamageOfManyKinds(t *testing.T) {
	_, whole := written(t, recordsOf(0, 10)...)
	ends := endsOf(whole)
	for name, hurt := range map[string]func([]byte) []byte{
		"zeros":          func(b []byte) []byte { clear(b[ends[3]+5 : ends[5]-7]); return b },
		"a hole":         func(b []byte) []byte { return slices.Delete(b, ends[3]+1, ends[5]-1) },
		"something else": func(b []byte) []byte { return slices.Insert(b, ends[4]-3, bytes.Repeat([]byte("rec\xF5"), 3000)...) },
		"markers":        func(b []byte) []byte { return slices.Insert(b, ends[4]-3, bytes.Repeat(marker, 3000)...) },
		"a marker at the edge of a page": func(b []byte) []byte {
			return slices.Insert(b, ends[4]-3, append(make([]byte, page-2-recordHead), marker...)...)
		},
		"a long length": func(b []byte) []byte { copy(b[ends[4]+4:], "\xff\xff\xff\xff"); return b },
		"a broken head": func(b []byte) []byte { b[3] ^= 1; return b },
	} {
		n := newNode(t)
		n.stop()
		putSegment(t, n.cfg.Dir, 1, hurt(slices.Clone(whole)))
		putSegment(t, n.cfg.Dir, 2, whole[:ends[0]]) // so that the other is not the one that was being written
		n = n.again().start()
		n.becomes(direct)
		var word, alerts []string
		for _, a := range n.db.stored {
			if a.Source == "rouse" {
				word = append(word, a.Summary)
			} else {
				alerts = append(alerts, a.Summary)
			}
		}
		if len(alerts) < 8 || len(word) != 1 || !strings.Contains(word[0], "may be lost") {
			t.Errorf("%s: stored is %q and %q", name, alerts, word)
		}
		n.stop()
		if files := filesIn(t, n.cfg.Dir); len(files) != 2 || !strings.HasSuffix(files[0], damagedEnd) {
			t.Errorf("%s: the folder has %q", name, files)
		}
		if st := n.State(); st.Damaged != 1 || st.Alerts != 0 || n.metric("rouse_spool_refused_total") != 1 {
			t.Errorf("%s: %+v", name, st)
		}
		if !strings.Contains(n.log.String(), "the spool is damaged") {
			t.Errorf("%s: the log says %s", name, n.log)
		}
	}
}

// What was damaged is told of once, also if the process dies before the file is set aside.
func TestDamageIsToldOfOnce(t *testing.T) {
	_, whole := written(t, recordsOf(0, 3)...)
	whole[endsOf(whole)[0]+20] ^= 1
	n := newNode(t)
	for range 3 {
		n.stop()
		putSegment(t, n.cfg.Dir, 7, whole)
		n = n.again().start()
		n.becomes(direct)
	}
	if got := n.db.summaries(); len(got) != 3 {
		t.Errorf("stored is %q", got)
	}
}

// The file is gone, or cannot be read: the others are replayed, and somebody is told.
func TestAFileThatCannotBeRead(t *testing.T) {
	n := newNode(t)
	n.stop()
	for i := range 3 {
		_, whole := written(t, recordsOf(3*i, 3*i+3)...)
		putSegment(t, n.cfg.Dir, int64(1+i), whole)
	}
	n = n.again()
	if st := n.State(); st.Alerts != 9 {
		t.Fatalf("%+v", st)
	}
	if err := os.Remove(segmentsIn(t, n.cfg.Dir)[1]); err != nil {
		t.Fatal(err)
	}
	n.start().becomes(direct)
	if got := n.db.summaries(); len(got) != 7 {
		t.Errorf("stored is %q", got)
	}
}

func TestOnlyTheLastDamagedFilesAreKept(t *testing.T) {
	_, whole := written(t, recordsOf(0, 3)...)
	whole[endsOf(whole)[0]+20] ^= 1
	n := newNode(t)
	n.stop()
	for i := range 2 * keptDamaged {
		putSegment(t, n.cfg.Dir, int64(1+i), whole)
	}
	n = n.again().start()
	n.becomes(direct)
	n.stop()
	files := filesIn(t, n.cfg.Dir)
	if len(files) != keptDamaged+1 || files[0] != fmt.Sprintf("%020d.spool.damaged", keptDamaged+1) {
		t.Errorf("the folder has %q", files)
	}
}

// The machine's clock was set back: what came later is still replayed later.
func TestAClockThatWasSetBack(t *testing.T) {
	n := newNode(t)
	n.stop()
	first := record{Received: time.Now().Add(time.Hour), Alert: step("pushes", 1)}
	first.Alert.Once = "1"
	_, whole := written(t, first)
	putSegment(t, n.cfg.Dir, first.Received.UnixNano(), whole)
	n = n.again()
	n.db.goAway()
	n.want(step("pushes", 2), pager.Spooled)
	n = n.again()
	n.db.comeBack()
	n.start().becomes(direct)
	n.inOrder(map[string]int{"pushes": 2})
	if n.db.stored[0].Waited <= 0 {
		t.Error("it did not wait")
	}
}

func TestFilesOfOthersAreLeftAlone(t *testing.T) {
	n := newNode(t)
	n.stop()
	names := []string{"1.spool", "0000000000000000000x.spool", "00000000000000000001.spool.bak", "-0000000000000000001.spool", "notes.txt"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(n.cfg.Dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n = n.again().start()
	n.db.goAway()
	n.want(trouble(1), pager.Spooled)
	n.db.comeBack()
	n.becomes(direct)
	n.stop()
	if files := filesIn(t, n.cfg.Dir); !slices.Equal(files, sorted(append(names, lockName))) {
		t.Errorf("the folder has %q", files)
	}
}

func TestSegmentsAreCutAndRemovedOneByOne(t *testing.T) {
	n := newNode(t, func(c *Config) { c.Limit = 1 << 20 })
	n.db.goAway()
	large := trouble(0)
	large.Raw = make([]byte, 20<<10)
	for i := range 20 {
		large.Summary, large.DedupKey = trouble(i).Summary, trouble(i).DedupKey
		n.want(large, pager.Spooled)
	}
	if files := segmentsIn(t, n.cfg.Dir); len(files) != 4 {
		t.Errorf("the folder has %q", files)
	}
	n.db.set(func(d *database) { // no more than the first ten
		d.away = nil
		d.judge = func(a engine.Alert) error {
			if len(d.summaries()) >= 10 {
				return errAway
			}
			return nil
		}
	})
	n.start()
	n.db.until(t, "ten are stored", func(d *database) bool { return len(d.stored) >= 10 && d.asked > 12 })
	n.eventually("one is gone", func() bool { return len(n.segments) <= 3 })
	n.db.set(func(d *database) { d.judge = nil })
	n.becomes(direct)
	if got := n.db.summaries(); !slices.Equal(sorted(got), sorted(summariesOf(0, 20))) {
		t.Errorf("stored is %q", got)
	}
}

// Whatever a file has: what is found in it are records, in their order, and each good one that was put there
// behind whatever else.
func FuzzSegment(f *testing.F) {
	_, whole := written(f, recordsOf(0, 3)...)
	good := whole[len(segmentHead):endsOf(whole)[0]]
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(append(slices.Clone(marker), "\xff\xff\xff\xff"...))
	f.Add(bytes.Repeat(marker, 2000))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = slices.Concat(data, good)
		size, count, last := int64(len(data)), 0, []byte(nil)
		for from := int64(0); from < size; count++ {
			text, at := nextRecord(bytes.NewReader(data), from, size)
			if at < from || at > size || text == nil != (at == size) {
				t.Fatalf("from %d on: %d bytes at %d of %d", from, len(text), at, size)
			}
			if text == nil {
				break
			}
			last, from = text, at+recordHead+int64(len(text))
			if from > size {
				t.Fatalf("a record ends at %d of %d", from, size)
			}
		}
		if !bytes.Equal(last, good[recordHead:]) {
			t.Errorf("the last record is %q", last)
		}
		if s := surveyOf(bytes.NewReader(data), size); s.count != count || s.end != size {
			t.Errorf("%d records were read, and %+v found", count, s)
		}
	})
}

// Whatever lies in the folder: nothing panics, what can be read is replayed, and the folder is usable. With
// -fuzzminimizetime 1x, as goroutines make every run a new one.
func FuzzFolder(f *testing.F) {
	_, whole := written(f, recordsOf(0, 3)...)
	f.Add(whole, 0, byte(0))
	f.Add(whole, len(whole)/2, byte(7))
	f.Add([]byte(segmentHead), 3, byte(1))
	f.Add([]byte{}, 0, byte(1))
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte) {
		if at >= 0 && at < len(data) {
			data[at] ^= flip
		}
		n := newNode(t)
		n.stop()
		putSegment(t, n.cfg.Dir, 5, data)
		putSegment(t, n.cfg.Dir, 6, data)
		good := 0
		for from := int64(0); ; {
			text, begins := nextRecord(bytes.NewReader(data), from, int64(len(data)))
			if text == nil {
				break
			}
			if json.Unmarshal(text, &record{}) == nil {
				good++
			}
			from = begins + recordHead + int64(len(text))
		}
		n = n.again().start()
		n.db.goAway()
		n.want(trouble(100), pager.Spooled)
		n.db.comeBack()
		n.eventually("all is replayed", func() bool { return n.phase == direct && len(n.segments) == 0 })
		alerts := 0
		for _, a := range n.db.stored {
			if a.Source != "rouse" {
				alerts++
			}
		}
		if alerts < 1 || alerts > 2*good+1 { // alerts with the same Once count once
			t.Errorf("%d records, %d alerts", good, alerts)
		}
	})
}

func recordsOf(from, to int) (all []record) {
	for i := from; i < to; i++ {
		r := record{Received: time.Date(2026, 11, 21, 14, 0, i, 0, time.UTC), Alert: trouble(i)}
		r.Alert.Once = fmt.Sprint("once-", i)
		all = append(all, r)
	}
	return all
}

// written is a segment that has records, and its bytes.
func written(t testing.TB, records ...record) (*segment, []byte) {
	t.Helper()
	all := []byte(segmentHead)
	for _, r := range records {
		frame, err := r.frame()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, frame...)
	}
	path := putSegment(t, t.TempDir(), 1, all)
	return &segment{path: path, size: int64(len(all)), off: int64(len(segmentHead))}, all
}

func putSegment(t testing.TB, dir string, name int64, text []byte) (path string) {
	t.Helper()
	path = (&folder{dir: dir}).segment(name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// endsOf is where each record ends.
func endsOf(whole []byte) (ends []int) {
	for at := int64(len(segmentHead)); ; {
		text, begins := nextRecord(bytes.NewReader(whole), at, int64(len(whole)))
		if text == nil {
			return ends
		}
		at = begins + recordHead + int64(len(text))
		ends = append(ends, int(at))
	}
}

func readAll(t testing.TB, g *segment) (all []record) {
	t.Helper()
	file, err := os.Open(g.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for off := g.off; ; {
		text, at := nextRecord(file, off, g.size)
		if text == nil {
			return all
		}
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		all, off = append(all, r), at+recordHead+int64(len(text))
	}
}
