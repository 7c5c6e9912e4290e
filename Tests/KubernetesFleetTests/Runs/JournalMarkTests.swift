import Testing
import WindlassCore

@testable import KubernetesFleet

/// The annotation that tells where the journal is.
struct JournalMarkTests {
  @Test func `a mark reads back as it was written`() {
    let marks = [
      JournalMark(number: 0, first: 1, term: 1),
      JournalMark(
        number: .max, first: 7, term: 9, place: JournalMark.Place(run: "a-r1", uid: "u-1")),
    ]
    for mark in marks { #expect(JournalMark.reading(mark.text) == .mark(mark)) }
  }

  @Test(arguments: [
    "", "1", "1 2 3", "1 2 3 4 r", "1 2 3 4 r u x", "x 1 1 1", "0 1 1 1", "1 -1 1 1", "1  1 1",
  ])
  func `nothing else is taken for a mark`(text: String) {
    #expect(JournalMark.reading(text) == .unreadable)
  }

  @Test func `a later format and a person's word are known`() {
    #expect(JournalMark.reading("2 whatever comes") == .newer(2))
    #expect(JournalMark.reading("forget") == .forgotten)
    #expect(JournalMark.reading(nil) == .absent)
  }
}
