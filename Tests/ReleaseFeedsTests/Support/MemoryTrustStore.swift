import ReleaseFeeds

/// A trust store that lives as long as the test, and can be out of order.
actor MemoryTrustStore: TrustStore {
  private(set) var state = TrustState.empty
  private(set) var saves = 0
  private var failure: TrustStoreError?

  func load() async throws(TrustStoreError) -> TrustState {
    if let failure { throw failure }
    return state
  }

  func save(_ state: TrustState) async throws(TrustStoreError) {
    if let failure { throw failure }
    saves += 1
    self.state = state
  }

  /// Makes every call fail, or work again.
  func fail(with failure: TrustStoreError?) { self.failure = failure }
}
