// Package rules is a set of rule files as a whole: read from a folder, compiled, tested, published
// while mail flows, and asked to decide about one message.
//
// A [Set] never changes. [Load] reads one from a folder, [FromFiles] makes one from stored files,
// [Builtin] is the one that a first start without a folder uses. Its version is a hash of the bytes of
// every file that it was made of, lists included.
//
// A decision walks the rules in order. Package dsl evaluates a rule and says which actions it asks
// for; this package applies each to the issue that the next statement sees, records it in
// [Changes], and writes down in the trace what every rule did. A rule that fails takes none of
// its actions; a shadow rule is evaluated and takes none either; when the message's budget is
// spent the message goes to quarantine.
//
// [Live] holds the set that decides now. It publishes what compiles and passes its own tests, from the folder when it is
// edited or from somebody's hands, into an [Archive] that all nodes share, and follows what others publish there:
// a broken edit is reported and changes nothing. [Diff] shows how two sets differ, [Compare] and [Differences] what they
// decide differently.
package rules
