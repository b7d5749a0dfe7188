package bridge

import (
	"encoding/json"
	"errors"
	"io"
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
