package simulator

import "testing"

// Cloud keeps the document, so wiki markup comes back rewritten, and then never
// changes again. Plain fields are no documents.
func TestTextModeADF(t *testing.T) {
	r := newRig(t, Cloud, func(st *Settings) { st.TextMode = "adf" })
	key := r.make("a - *b*", obj{"description": "- one\n- two\n\n{color:red}x{color}"})
	const rewritten = "* one\n* two\n\n{color:#ff0000}x{color}"
	r.do("GET", "/issue/"+key, nil).is("fields.summary", "a - *b*").is("fields.description", rewritten)
	before := len(r.histories(key))
	r.edit(key, obj{"description": rewritten}).want(204)
	if got := len(r.histories(key)); got != before {
		t.Errorf("writing what was read left a history")
	}
	r.do("POST", "/issue/"+key+"/comment", obj{"body": "[~bob] hi"}).want(201).is("body", `\[\~bob] hi`)
}
