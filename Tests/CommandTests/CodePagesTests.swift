import Testing

@testable import windlass

@Suite struct CodePagesTests {
  @Test func `only code of files is taken for code`() {
    let lines = [
      "557c05000000-557c06bbc000 r-xp 00000000 fe:00 1008514    /usr/bin/windlass",
      "557c06bbd000-557c06c72000 r--p 01bbc000 fe:00 1008514    /usr/bin/windlass",
      "557c06c72000-557c090bd000 rw-p 01c71000 fe:00 1008514    /usr/bin/windlass",
      "557c06c72000-557c090bd000 rwxp 01c71000 fe:00 1008514    /usr/bin/windlass",
      "7ffd1b7f2000-7ffd1b7f4000 r-xp 00000000 00:00 0          [vdso]",
      "7f0000000000-7f0000001000 r-xp 00000000 00:00 0", "", "nonsense",
    ]
    #expect(
      lines.map { CodePages.codeRange($0) } == [
        0x557c_0500_0000..<0x557c_06bb_c000, nil, nil, nil, nil, nil, nil, nil,
      ])
  }

  @Test func `a process goes on without its code's pages`() {
    CodePages.release()
    #expect((1...100).reduce(0, +) == 5050)
  }
}
