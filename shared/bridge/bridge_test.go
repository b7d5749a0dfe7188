package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]Value{
		`{"b":1,"a":[ 1.50, "x<y" ]}`: `{"a":[1.50,"x<y"],"b":1}`,
		` null `:                      Cleared,
		`"ü"`:                         `"ü"`,
		`12345678901234567890`:        `12345678901234567890`,
	} {
		got, err := Canonical([]byte(in))
		if err != nil || got != want {
			t.Errorf("Canonical(%s) = %s, %v; want %s", in, got, err, want)
		}
		if again, _ := Canonical([]byte(got)); again != got {
			t.Errorf("Canonical is not stable: %s then %s", got, again)
		}
	}
}

// What is read and written without a decoder is what a decoder makes of it.
func FuzzValue(f *testing.F) {
	for _, raw := range []string{`null`, ` true`, `"a"`, `"`, `""`, `"a\"`, `"a"b"`, "\"\x7f\"", "\"\u2028\"", "\"\xff\"", `"ü<&>"`, "\"\t\"", `1.50`, `["a"]`, `"\u0041"`} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		dec := json.NewDecoder(strings.NewReader(raw))
		dec.UseNumber()
		var v any
		bad := dec.Decode(&v) != nil
		got, err := Canonical([]byte(raw))
		if bad != (err != nil) {
			t.Fatalf("Canonical(%q): %v", raw, err)
		}
		if bad {
			return
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(b.String(), "\n"); string(got) != want || string(plain(v)) != want {
			t.Errorf("Canonical(%q) is %q, plain %q, want %q", raw, got, plain(v), want)
		}
		if any := got.Any(); !reflect.DeepEqual(any, v) {
			t.Errorf("%q is %#v, want %#v", got, any, v)
		}
	})
}

func TestStructsAreCanonicalToo(t *testing.T) {
	got := ValueOf(Person{Name: "n", Email: "e", ID: "i"})
	if want, _ := Canonical([]byte(got)); got != want {
		t.Errorf("ValueOf a struct is %s, its canonical form %s", got, want)
	}
}

func TestValueTravelsAsItself(t *testing.T) {
	in := Entry{Seq: 7, Saw: 3, Value: ValueOf(map[string]any{"name": "A & B"}), Stamp: Stamp{At: 5, Site: Private, Policy: 1}}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Entry
	if err := json.Unmarshal(raw, &out); err != nil || out != in {
		t.Fatalf("%s came back as %+v, %v", raw, out, err)
	}
}

func TestStampsAreTotallyOrdered(t *testing.T) {
	asc := []Stamp{{1, Private, 1}, {1, Private, 2}, {1, Public, 0}, {2, Private, 0}}
	for i, a := range asc {
		for j, b := range asc {
			if got, want := a.Compare(b), compare(int64(i), int64(j)); got != want {
				t.Errorf("%v against %v: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestErrorsSayWhatARetryDoes(t *testing.T) {
	perm := Permanent("field-unknown", "field %q: unknown on this site: %w", "severity", io.EOF)
	if IsTemporary(perm) || !errors.Is(perm, io.EOF) || NameOf(perm) != "field-unknown" || LevelOf(perm) != LevelPair {
		t.Errorf("permanent error misread: %+v", perm)
	}
	if got, want := perm.Error(), `field "severity": unknown on this site: EOF`; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if !IsTemporary(io.ErrUnexpectedEOF) || IsTemporary(nil) {
		t.Error("a foreign error is temporary, no error is not")
	}
	if LevelOf(perm.At(LevelSite)) != LevelSite || perm.Level == LevelSite {
		t.Error("At must return a copy at the level")
	}
}
