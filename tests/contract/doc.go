// Package contract holds tests that keep the simulator true to Jira, judged by
// what Atlassian and strangers wrote, not by us:
//
//   - every answer of every operation is validated against Atlassian's OpenAPI
//     documents of both flavours, and no operation is left out;
//   - webhook bodies have the same members, of the same kinds, as recorded ones;
//   - error answers are those recorded from a real site;
//   - a REST client somebody else wrote works against both flavours.
//
// The documents and recordings are not part of the project. They are read from
// ../shared/data next to it; where that folder is absent the tests that need it
// are skipped and say so. The client's test needs nothing.
//
// Where a document contradicts the recordings, or ours differs on purpose, the
// exception stands in a list with its reason, and an exception that is no
// longer needed fails the test.
package contract
