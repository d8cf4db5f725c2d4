"""Custom Rasa components of callbot; Rasa finds them because it runs in rasa_project."""
