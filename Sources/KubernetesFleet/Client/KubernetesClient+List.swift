import WindlassCore
import WindlassWire

extension KubernetesClient {
  /// Reads all objects of a selection at one version of the store, page by page.
  ///
  /// Nothing is inferred from a part: when history is lost between two pages, the list begins
  /// again, and after some attempts it is asked for in one piece.
  package func list(_ selection: Selection) async throws(APIError) -> ObjectList {
    for _ in 0..<ClientBounds.listRestartsMax {
      do throws(APIError) {
        return try await pages(of: selection, size: ClientBounds.pageSize)
      } catch {
        guard error.code == .expired else { throw error }
      }
    }
    return try await pages(of: selection, size: nil)
  }

  private func pages(of selection: Selection, size: Int?) async throws(APIError) -> ObjectList {
    let title = "LIST \(selection.description)"
    guard var path = RequestPath(selection.type, in: selection.namespace) else {
      throw badTarget(title)
    }
    path.query = selection.query
    path.query["limit"] = size.map(String.init)
    var list = ObjectList(objects: [], resourceVersion: "")
    for _ in 0..<ClientBounds.pagesMax {
      let body = try await perform(Order(method: "GET", path: path, title: title))
      let version = body["metadata"]?["resourceVersion"]?.string ?? ""
      guard let items = body["items"]?.array, !version.isEmpty else {
        throw APIError(
          .malformedAnswer, request: title, detail: "the answer has no items or no resourceVersion")
      }
      // Pages of different versions would show a state that never was.
      guard list.resourceVersion.isEmpty || list.resourceVersion == version else {
        throw APIError(.expired, request: title, detail: "two pages are of different versions")
      }
      list.resourceVersion = version
      list.objects += items.map { named($0, selection.type) }
      let next = body["metadata"]?["continue"]?.string ?? ""
      guard !next.isEmpty else { return list }
      path.query["continue"] = next
    }
    throw APIError(
      .malformedAnswer, request: title,
      detail: "the list has more than \(ClientBounds.pagesMax) pages; use a label selector")
  }

  /// Items of lists of built-in kinds do not say what they are.
  private nonisolated func named(_ item: JSONValue, _ type: ResourceType) -> KubernetesObject {
    var body = item
    if body["kind"] == nil { body = body.setting("kind", to: .string(type.kind)) }
    if body["apiVersion"] == nil {
      body = body.setting("apiVersion", to: .string(type.apiVersion))
    }
    return KubernetesObject(body)
  }
}
