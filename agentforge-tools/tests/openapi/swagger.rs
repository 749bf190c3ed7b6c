//! Swagger 2.0 in the words of OpenAPI 3.

use agentforge::rest::{AuthScheme, Files, Style};
use serde_json::json;

use super::{import, named};

const PETS: &str = r##"
swagger: "2.0"
info: {title: Pets, version: "1"}
host: pets.example
basePath: /v2
schemes: [http, https]
consumes: [application/json]
securityDefinitions:
  login: {type: basic}
  tokens: {type: oauth2, flow: application, tokenUrl: "https://pets.example/token", scopes: {}}
parameters:
  petId: {name: petId, in: path, required: true, type: integer, format: int64}
paths:
  /pets:
    get:
      operationId: findPets
      security: [{login: []}]
      parameters:
        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: multi}
        - {name: ids, in: query, type: array, items: {type: integer}, collectionFormat: pipes}
    post:
      operationId: addPet
      parameters:
        - {name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}
  /pets/{petId}/photo:
    parameters: [{$ref: "#/parameters/petId"}]
    post:
      operationId: addPhoto
      parameters:
        - {name: file, in: formData, required: true, type: file, description: The photo.}
        - {name: note, in: formData, type: string}
definitions:
  Pet: {type: object, required: [id, name], properties: {id: {type: integer, readOnly: true}, name: {type: string}}}
"##;

#[test]
fn an_old_document_becomes_the_same_tools() {
    let pets = import(PETS, json!({}));
    assert_eq!(pets.problems, []);
    assert_eq!(pets.schemes["login"], AuthScheme::Basic);
    assert!(matches!(pets.schemes["tokens"], AuthScheme::Oauth2 { .. }));
    let find = named(&pets, "findPets");
    assert_eq!(find.base_url, "https://pets.example/v2");
    assert_eq!(find.parameters[1].style, Some(Style::PipeDelimited));
    let request = find.build(&json!({"tags": ["a", "b"], "ids": [1, 2]}), &Files::new()).unwrap();
    assert_eq!(request.url, "https://pets.example/v2/pets?tags=a&tags=b&ids=1%7C2");
    let add = named(&pets, "addPet").spec();
    assert_eq!(
        add.input.as_value()["properties"]["body"],
        json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}})
    );
    let photo = named(&pets, "addPhoto");
    assert_eq!(photo.body.as_ref().unwrap().files, ["file"]);
    let arguments = json!({"petId": 7, "body": {"file": {"base64": "aGk="}, "note": "n"}});
    let request = photo.build(&arguments, &Files::new()).unwrap();
    assert_eq!(request.url, "https://pets.example/v2/pets/7/photo");
    assert!(String::from_utf8_lossy(&request.body).contains("name=\"file\"; filename=\"file\""));
}
