import Testing
import WindlassCore

/// What somebody's word for the deployed release is worth.
struct AdoptionTests {
  private func objection(
    _ version: Version, _ record: ServiceRecord = Samples.record(deployed: nil),
    offer: Offer? = Samples.offer([Samples.first, Samples.second]), ledger: LedgerReading? = nil
  ) -> String? {
    var watch = Watch()
    watch.offer = offer
    watch.ledger = ledger
    return ServiceState(record: record, watch: watch).objection(toAdopting: version)
  }

  @Test func `a release that works with the schema may be adopted`() {
    #expect(objection(Samples.first.version) == nil)
    for schema: UInt64 in 2...4 {
      #expect(objection(Samples.first.version, ledger: Samples.ledger(schema)) == nil)
    }
  }

  @Test func `one that can't work with the schema is refused, with those that can`() throws {
    let refused = try #require(objection(Samples.second.version, ledger: Samples.ledger(2)))
    #expect(refused.contains("at schema 2"))
    #expect(refused.contains("what may be adopted is 1.0.0"))
    let none = try #require(objection(Samples.second.version, ledger: Samples.ledger(9)))
    #expect(none.contains("no release of the manifest works with it"))
    let empty = try #require(objection(Samples.first.version, ledger: Samples.ledger(nil)))
    #expect(empty.contains("without a schema"))
  }

  @Test func `nobody's word stands over what Windlass knows`() throws {
    let known = try #require(objection(Version(3, 0, 0)))
    #expect(known.contains("it knows 1.0.0, 1.1.0"))
    #expect(objection(Samples.first.version, offer: nil)?.contains("no manifest") == true)
    var record = Samples.record(deployed: Samples.first)
    #expect(objection(Samples.second.version, record)?.contains("with 1.0.0") == true)
    // What a controller keeps may have been changed by others.
    record.policy.workload = .signalled
    #expect(objection(Samples.second.version, record) == nil)
  }
}
